// cat and stack; their gradient is the split.
#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"
#include "ops/shape/view.h"
#include "tensor/shape.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

DType joined_type(const Tensors& tensors) {
  Promotion promotion;
  for (const Tensor& x : tensors) promotion.add(x.dtype(), x.dim());
  return promotion.result();
}

// PyTorch lets an empty 1-D tensor stand beside any shape.
bool is_void(const Tensor& x) { return x.dim() == 1 && x.size(0) == 0; }

Dims joined_shape(const Tensors& tensors, int64_t dim, int& at) {
  const Tensor* first = nullptr;
  for (const Tensor& x : tensors) {
    if (x.dim() == 0)
      throw Error(ErrorKind::runtime,
                  "cat: zero-dimensional tensor cannot be concatenated; use stack");
    if (!first && !is_void(x)) first = &x;
  }
  if (!first) first = &tensors[0];
  at = wrap_dim("cat", dim, first->dim());
  Dims shape = first->shape();
  shape[at] = 0;
  for (int i = 0; i < tensors.size(); ++i) {
    const Tensor& x = tensors[i];
    if (is_void(x) && !is_void(*first)) continue;
    bool fits = x.dim() == shape.size();
    for (int d = 0; fits && d < shape.size(); ++d) fits = d == at || x.size(d) == shape[d];
    if (!fits) {
      throw Error(ErrorKind::runtime,
                  join("cat: Sizes of tensors must match except in dimension ", at, ". Expected ",
                       to_string(first->shape()), " but got ", to_string(x.shape()),
                       " for tensor number ", i, " in the list"));
    }
    shape[at] = checked_add(shape[at], x.size(at));
  }
  return shape;
}

}  // namespace

Tensor cat(const Tensors& tensors, int64_t dim) {
  if (tensors.empty()) throw Error(ErrorKind::value, "cat: expected a non-empty list of Tensors");
  int at = 0;
  const Dims shape = joined_shape(tensors, dim, at);
  Tensor out = empty(shape, joined_type(tensors));
  Dims sizes;
  int64_t start = 0;
  bool graph = false;
  for (const Tensor& x : tensors) {
    const bool skipped = is_void(x) && shape.size() != 1;
    const int64_t size = skipped ? 0 : x.size(at);
    Dims part = shape;
    part[at] = size;
    if (!skipped) copy_memory(alias(out, part, out.strides(), start * out.strides()[at]), x);
    sizes.push_back(skipped ? -1 : size);
    start += size;
    graph |= wanted(x);
  }
  if (graph && is_floating(out.dtype())) {
    tape::record_many("cat", {out}, tensors,
                      tape::lasting([sizes, at](const Tensor* grad, Grads& grads) {
                        int64_t start = 0;
                        for (int i = 0; i < sizes.size(); ++i) {
                          if (sizes[i] >= 0 && grads.wanted(i))
                            grads[i] = narrow(grad[0], at, start, sizes[i]);
                          start += std::max<int64_t>(sizes[i], 0);
                        }
                      }));
  }
  return out;
}

Tensor stack(const Tensors& tensors, int64_t dim) {
  if (tensors.empty())
    throw Error(ErrorKind::runtime, "stack: expected a non-empty list of Tensors");
  const int at = wrap_dim("stack", dim, tensors[0].dim() + 1);
  Tensors rows;
  for (int i = 0; i < tensors.size(); ++i) {
    if (tensors[i].shape() != tensors[0].shape()) {
      throw Error(ErrorKind::runtime, join("stack: expects each tensor to be equal size, but got ",
                                           to_string(tensors[0].shape()), " at entry 0 and ",
                                           to_string(tensors[i].shape()), " at entry ", i));
    }
    rows.push_back(unsqueeze(tensors[i], at));
  }
  return cat(rows, at);
}

namespace {

void register_join(Registry& registry) {
  static constexpr const char* kCat = R"(Tensors one after the other along a dimension.

Shapes must agree but for that dimension; dtypes promote. Raises RuntimeError when they do not agree and
for 0-d tensors, ValueError for an empty list.

>>> steep.cat([steep.tensor([1, 2]), steep.tensor([3])])
tensor([1, 2, 3])
)";
  registry.add<&cat>("cat", kFunction | kOutApart,
                     "(tensors: Sequence[Tensor], dim: int = 0) -> Tensor", kCat);
  registry.add<&cat>("concat", kFunction | kOutApart,
                     "(tensors: Sequence[Tensor], dim: int = 0) -> Tensor", "Another name of cat.",
                     "cat");
  registry.add<&cat>("concatenate", kFunction | kOutApart,
                     "(tensors: Sequence[Tensor], dim: int = 0) -> Tensor", "Another name of cat.",
                     "cat");
  registry.add<&stack>("stack", kFunction | kOut,
                       "(tensors: Sequence[Tensor], dim: int = 0) -> Tensor",
                       R"(Tensors of one shape beside each other along a new dimension.

Raises RuntimeError when the shapes differ or the list is empty.

>>> steep.stack([steep.tensor([1, 2]), steep.tensor([3, 4])])
tensor([[1, 2],
        [3, 4]])
)");
}

const Registration registered("shape", register_join);

}  // namespace

}  // namespace steep::ops
