#include "ops/memory_format.h"

#include "ops/ops.h"
#include "tape/history.h"

namespace steep::ops {

namespace {

// The dimensions from the outermost in memory to the innermost, and the way back.
struct Orders {
  Dims there, back;
};

Orders orders_of(const char* op, size_t dims, const MemoryFormat& format) {
  const bool has_depth = *format != "channels_last";
  if (dims != (has_depth ? 5 : 4))
    fail(ErrorKind::runtime, op, "4 dimensions for channels_last, and 5 for channels_last_3d",
         "another number of them", "leave memory_format out");
  if (has_depth) return {{0, 2, 3, 4, 1}, {0, 4, 1, 2, 3}};
  return {{0, 2, 3, 1}, {0, 3, 1, 2}};
}

}  // namespace

Tensor channels_last(const char* op, const Tensor& x, const MemoryFormat& format, bool copies) {
  const Orders orders = orders_of(op, x.shape().size(), format);
  const Tensor turned = permute(x, orders.there);
  if (turned.is_contiguous() && !copies) return x;
  return permute(turned.is_contiguous() ? clone(turned) : contiguous(turned), orders.back);
}

Tensor empty_in(const Dims& shape, DType dtype, const MemoryFormat& format) {
  const Tensor out = empty(shape, dtype);
  if (!is_channels_last(format)) return out;
  const tape::GradMode off(false);
  return steep::empty_like(channels_last("empty", out, format, false), dtype);
}

}  // namespace steep::ops
