#include "ops/window.h"

#include "ops/elementwise.h"
#include "tensor/shape.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

// x copied into memory laid out as `whole`, from its first element on.
Tensor laid_out(const Tensor& x, const Geometry& whole) {
  if (x.strides() == whole.strides && x.shape() == whole.shape) return x;
  Tensor out = empty_strided(whole.shape, whole.strides, x.dtype());
  copy_memory(out, x);
  return out;
}

// Zeros in memory that covers both the whole and the part, seen as one line.
Tensor line_of_zeros(const Geometry& whole, const Geometry& part, DType dtype) {
  const int64_t end = checked_add(part.offset - whole.offset, extent(part.shape, part.strides));
  const int64_t length = std::max(extent(whole.shape, whole.strides), end);
  return full({std::max<int64_t>(length, 0)}, 0, dtype);
}

bool overlaps_itself(const Geometry& part) {
  // Sorted from the smallest stride up, each dimension must step over all that the smaller ones span.
  const Dims order = order_by_stride(part.shape, part.strides);
  int64_t span = 0;
  for (int i = order.size() - 1; i >= 0; --i) {
    const int64_t d = order[i];
    if (part.shape[d] <= 1) continue;
    if (part.strides[d] <= span) return true;
    span = checked_add(span, checked_multiply(part.shape[d] - 1, part.strides[d]));
  }
  return false;
}

// Repetition by stride 0 is undone by a sum; what overlaps otherwise is added element by element, in order.
void add_part(const Tensor& line, const Tensor& x, const Geometry& whole, const Geometry& part) {
  Dims kept = part.shape;
  for (int i = 0; i < kept.size(); ++i)
    if (part.strides[i] == 0) kept[i] = std::min<int64_t>(kept[i], 1);
  const Tensor reduced = x.dtype() == DType::boolean ? x : sum_to(x, kept, x.dtype());
  const Geometry unique{kept, part.strides, part.offset - whole.offset};
  if (x.dtype() == DType::boolean || !overlaps_itself(unique)) {
    copy_memory(
        alias(line, x.dtype() == DType::boolean ? part.shape : kept, part.strides, unique.offset),
        reduced);
    return;
  }
  static constexpr Kernel kIota{
      "iota",  Kind::opaque, static_cast<int>(kernels::RoutineId::iota), "w", 1, nullptr,
      nullptr, nullptr};
  static constexpr Kernel kIndexAdd{
      "index_add", Kind::opaque, static_cast<int>(kernels::RoutineId::index_add), "urr", 1, nullptr,
      nullptr,     nullptr};
  const Tensor places = empty({line.numel()}, DType::int64);
  program::launch(kIota, DType::int64, {places}, {line.numel()},
                  {program::integer(0), program::integer(1)});
  const Tensor index = contiguous(alias(places, kept, part.strides, unique.offset));
  program::launch(kIndexAdd, x.dtype(), {line, contiguous(reduced), index},
                  {1, line.numel(), 1, index.numel()});
}

}  // namespace

Tensor window(const Tensor& x, const Geometry& whole, const Geometry& part) {
  Tensor out;
  {
    const tape::GradMode off(false);
    const Tensor source = laid_out(x, whole);
    out =
        clone(alias(source, part.shape, part.strides, source->offset + part.offset - whole.offset));
  }
  if (wanted(x)) {
    record("window", out, {x}, [whole, part](const Tensor& grad, Grads& grads) {
      grads[0] = unwindow(grad, whole, part);
    });
  }
  return out;
}

Tensor unwindow(const Tensor& x, const Geometry& whole, const Geometry& part) {
  Tensor out;
  {
    const tape::GradMode off(false);
    const Tensor line = line_of_zeros(whole, part, x.dtype());
    if (x.numel() > 0) add_part(line, x, whole, part);
    out = alias(line, whole.shape, whole.strides, 0);
  }
  if (wanted(x)) {
    record("unwindow", out, {x}, [whole, part](const Tensor& grad, Grads& grads) {
      grads[0] = window(grad, whole, part);
    });
  }
  return out;
}

}  // namespace steep::ops
