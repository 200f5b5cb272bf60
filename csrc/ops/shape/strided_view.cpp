#include "ops/shape/strided_view.h"

#include "kernels/create/iota.h"
#include "kernels/index/index.h"
#include "ops/elementwise/elementwise.h"
#include "tensor/shape.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

// Both geometries on one line of memory, from the first element of either to the last. The part
// need not lie within the whole: as_strided reaches anywhere in a storage.
struct Line {
  int64_t whole, part;  // where they begin on it
  int64_t length;

  Line(const Layout& whole, const Layout& part) {
    const int64_t held = extent(whole.shape, whole.strides),
                  shown = extent(part.shape, part.strides);
    // What has no elements lies anywhere.
    const int64_t from = held ? whole.offset : part.offset, to = shown ? part.offset : from;
    const int64_t first = std::min(from, to);
    this->whole = from - first;
    this->part = to - first;
    length = std::max(checked_add(this->whole, held), checked_add(this->part, shown));
  }
  Tensor zeros(DType dtype) const { return full({std::max<int64_t>(length, 0)}, 0, dtype); }
};

// The part of x, which is laid out as `whole` or is copied to be so.
Tensor shown(const Tensor& x, const Layout& whole, const Layout& part) {
  const Line line(whole, part);
  const bool within = line.whole == 0 && checked_add(line.part, extent(part.shape, part.strides)) <=
                                             extent(whole.shape, whole.strides);
  if (within && x.strides() == whole.strides && x.shape() == whole.shape)
    return alias(x, part.shape, part.strides, x->offset + line.part);
  const Tensor memory = line.zeros(x.dtype());
  if (x.numel() > 0) copy_memory(alias(memory, whole.shape, whole.strides, line.whole), x);
  return alias(memory, part.shape, part.strides, line.part);
}

bool overlaps_itself(const Layout& part) {
  // Sorted from the smallest stride up, each dimension must step over all that the smaller ones
  // span.
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

// Repetition by stride 0 is undone by a sum; what overlaps otherwise is added element by element,
// in order.
void add_part(const Tensor& line, const Tensor& x, const Layout& part, int64_t begin) {
  Dims kept = part.shape;
  for (int i = 0; i < kept.size(); ++i)
    if (part.strides[i] == 0) kept[i] = std::min<int64_t>(kept[i], 1);
  const Tensor reduced = x.dtype() == DType::boolean ? x : sum_to(x, kept, x.dtype());
  const Layout unique{kept, part.strides, begin};
  if (x.dtype() == DType::boolean || !overlaps_itself(unique)) {
    copy_memory(
        alias(line, x.dtype() == DType::boolean ? part.shape : kept, part.strides, unique.offset),
        reduced);
    return;
  }
  const Tensor places = empty({line.numel()}, DType::int64);
  program::launch(kernels::kIota, DType::int64, {places},
                  kernels::Iota{line.numel(), program::integer(0), program::integer(1)});
  const Tensor index = contiguous(alias(places, kept, part.strides, unique.offset));
  program::launch(kernels::kIndexAdd, x.dtype(), {line, contiguous(reduced), index},
                  kernels::Selection{1, line.numel(), 1, index.numel()});
}

}  // namespace

Tensor strided_view(const Tensor& x, const Layout& whole, const Layout& part) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = clone(shown(x, whole, part));
  }
  if (wanted(x)) {
    record("strided_view", out, {x}, tape::lasting([whole, part](const Tensor& grad, Grads& grads) {
             grads[0] = put_strided_view(grad, whole, part);
           }));
  }
  return out;
}

Tensor put_strided_view(const Tensor& x, const Layout& whole, const Layout& part) {
  Tensor out;
  {
    const tape::GradMode off(false);
    const Line line(whole, part);
    const Tensor memory = line.zeros(x.dtype());
    if (x.numel() > 0) add_part(memory, x, part, line.part);
    out = alias(memory, whole.shape, whole.strides, line.whole);
  }
  if (wanted(x)) {
    record("put_strided_view", out, {x},
           tape::lasting([whole, part](const Tensor& grad, Grads& grads) {
             grads[0] = strided_view(grad, whole, part);
           }));
  }
  return out;
}

}  // namespace steep::ops
