// Elements in another order: rolled, turned, mirrored, seen through windows; and methods that change
// a tensor's own shape.
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"
#include "ops/shape/view.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

Tensor rolled(const Tensor& x, int64_t shift, int dim) {
  const int64_t size = x.size(dim);
  const int64_t by = size > 0 ? ((shift % size) + size) % size : 0;
  if (by == 0) return x;
  return cat({narrow(x, dim, size - by, by), narrow(x, dim, 0, size - by)}, dim);
}

Tensor roll(const Tensor& x, const Dims& shifts, std::optional<Dims> dims) {
  if (!dims || dims->empty()) {
    if (shifts.size() != 1)
      fail(ErrorKind::runtime, "roll", "one shift, or a dimension for each",
           join(shifts.size(), " shifts and no dims"));
    const Tensor out = rolled(reshape(x, {-1}), shifts[0], 0);
    return reshape(out->storage == x->storage ? clone(out) : out, x.shape());
  }
  if (shifts.size() != dims->size())
    fail(ErrorKind::runtime, "roll", "a dimension for each shift",
         join(shifts.size(), " shifts and ", dims->size(), " dims"));
  if (x.dim() == 0)
    throw Error(ErrorKind::index, "roll: Dimension specified as 0 but tensor has no dimensions");
  Tensor out = x;
  for (int i = 0; i < shifts.size(); ++i) {
    const int dim = wrap_dim("roll", (*dims)[i], x.dim());
    out = rolled(out, shifts[i], dim);
  }
  return out.same(x) ? clone(x) : out;
}

Tensor rot90(const Tensor& x, int64_t k, const Dims& dims) {
  if (dims.size() != 2)
    fail(ErrorKind::runtime, "rot90", "two dimensions to turn in", to_string(dims));
  if (x.dim() < 2)
    fail(ErrorKind::runtime, "rot90", "a tensor of at least two dimensions", join(x.dim()));
  if (dims[0] == dims[1] || std::abs(dims[0] - dims[1]) == x.dim())
    fail(ErrorKind::runtime, "rot90", "two different dimensions", to_string(dims));
  const Dims plane = wrap_dims("rot90", dims, x.dim());
  switch (((k % 4) + 4) % 4) {
    case 1:
      return transpose(flip(x, {plane[1]}), plane[0], plane[1]);
    case 2:
      return flip(x, plane);
    case 3:
      return flip(transpose(x, plane[0], plane[1]), {plane[1]});
    default:
      return clone(x);
  }
}

Tensor fliplr(const Tensor& x) {
  if (x.dim() < 2)
    fail(ErrorKind::runtime, "fliplr", "a tensor of at least two dimensions", join(x.dim()));
  return flip(x, {1});
}
Tensor flipud(const Tensor& x) {
  if (x.dim() < 1)
    fail(ErrorKind::runtime, "flipud", "a tensor of at least one dimension", "a 0-d tensor");
  return flip(x, {0});
}

// Windows of a dimension as a view: their number stands in its place, their elements come last.
Layout windows_of(const Dims& shape, const Dims& strides, int dim, int64_t size, int64_t step) {
  Layout part{shape, strides, 0};
  part.shape[dim] = (shape[dim] - size) / step + 1;
  part.strides[dim] = checked_multiply(strides[dim], step);
  part.shape.push_back(size);
  part.strides.push_back(strides[dim]);
  return part;
}

}  // namespace

Tensor windows_of_dim(const Tensor& input, int64_t dimension, int64_t size, int64_t step) {
  const Tensor x = input.dim() == 0 ? reshape(input, {1}) : input;
  const int dim = wrap_dim("unfold", dimension, input.dim());
  if (size < 0 || size > x.size(dim))
    fail(ErrorKind::runtime, "unfold",
         join("a window of at most the size ", x.size(dim), " of dimension ", dim), join(size));
  if (step <= 0) fail(ErrorKind::runtime, "unfold", "a step greater than 0", join(step));
  const Layout seen = windows_of(x.shape(), x.strides(), dim, size, step);
  Tensor out = alias(x, seen.shape, seen.strides, x->offset);
  tape::mark_view(out, x);
  if (input.dim() == 0) out = select(out, 0, 0);
  if (wanted(x)) {
    const Layout whole{x.shape(), contiguous_strides(x.shape()), 0};
    const Layout part = windows_of(whole.shape, whole.strides, dim, size, step);
    record("unfold", out, {x},
           tape::lasting([whole, part, shape = seen.shape](const Tensor& grad, Grads& grads) {
             grads[0] = put_strided_view(reshape(grad, shape), whole, part);
           }));
  }
  return out;
}

namespace {

// x takes the geometry of a view of it, and the view's place in the graph.
Tensor reshape_itself(const char* op, const Tensor& x, const Tensor& view) {
  if (tape::grad_enabled() && tape::requires_grad(x) && tape::is_leaf(x))
    throw Error(ErrorKind::runtime,
                join(op,
                     ": a leaf Variable that requires grad is being used in an in-place "
                     "operation; use the form that returns a new tensor"));
  program::refuse_recording(
      join("it changes the shape of a tensor in place (", op, "); use the form without _"));
  const Ref<tape::Node> node = tape::grad_fn(view);
  x->take_memory_of(*view.impl());
  if (!node) return x;
  tape::set_grad_fn(x, node, tape::history(view)->output);
  tape::ensure_history(x).view_version = x->version();
  return x;
}

Tensor squeeze_(const Tensor& x) { return reshape_itself("squeeze_", x, squeeze(x, std::nullopt)); }
Tensor squeeze_dims_(const Tensor& x, const Dims& dim) {
  return reshape_itself("squeeze_", x, squeeze(x, dim));
}
Tensor unsqueeze_(const Tensor& x, int64_t dim) {
  return reshape_itself("unsqueeze_", x, unsqueeze(x, dim));
}
Tensor transpose_(const Tensor& x, int64_t dim0, int64_t dim1) {
  return reshape_itself("transpose_", x, transpose(x, dim0, dim1));
}
Tensor t_(const Tensor& x) { return reshape_itself("t_", x, t(x)); }

void register_turns(Registry& registry) {
  registry.add<&roll>(
      "roll", kBoth, "(input: Tensor, shifts: Dims, dims: Dims | None = None) -> Tensor",
      R"(A copy whose elements are moved along dimensions; what leaves at one end enters at the other.

Without dims the elements are moved in row-major order. Raises RuntimeError when shifts and dims
differ in number, IndexError for a dimension that does not exist.

>>> steep.roll(steep.tensor([1, 2, 3]), 1)
tensor([3, 1, 2])
)");
  registry.add<&rot90>(
      "rot90", kBoth, "(input: Tensor, k: int = 1, dims: Dims = (0, 1)) -> Tensor",
      R"(A copy turned k times by 90 degrees in a plane, from its first dimension to its second.

Raises RuntimeError unless dims are two different ones, IndexError for one that does not exist.

>>> steep.rot90(steep.tensor([[1, 2], [3, 4]]))
tensor([[2, 4],
        [1, 3]])
)");
  registry.add<&fliplr>("fliplr", kBoth, "(input: Tensor) -> Tensor",
                        R"(A copy with the order of the second dimension reversed.

Raises RuntimeError for fewer than two dimensions.

>>> steep.fliplr(steep.tensor([[1, 2], [3, 4]]))
tensor([[2, 1],
        [4, 3]])
)");
  registry.add<&flipud>("flipud", kBoth, "(input: Tensor) -> Tensor",
                        R"(A copy with the order of the first dimension reversed.

Raises RuntimeError for a 0-d tensor.

>>> steep.flipud(steep.tensor([[1, 2], [3, 4]]))
tensor([[3, 4],
        [1, 2]])
)");
}

void register_own_shape(Registry& registry) {
  registry.add<&squeeze_>("squeeze_", kMethod, "(input: Tensor) -> Tensor",
                          "In-place form of squeeze.", "squeeze");
  registry.add<&squeeze_dims_>("squeeze_", kMethod, "(input: Tensor, dim: Dims) -> Tensor",
                               "In-place form of squeeze.", "squeeze");
  registry.add<&unsqueeze_>("unsqueeze_", kMethod, "(input: Tensor, dim: int) -> Tensor",
                            "In-place form of unsqueeze.", "unsqueeze");
  for (const char* name : {"transpose_", "swapdims_"})
    registry.add<&transpose_>(name, kMethod, "(input: Tensor, dim0: int, dim1: int) -> Tensor",
                              "In-place form of transpose.", "transpose");
  registry.add<&transpose_>("swapaxes_", kMethod,
                            "(input: Tensor, axis0: int, axis1: int) -> Tensor",
                            "In-place form of transpose.", "transpose");
  registry.add<&t_>("t_", kMethod, "(input: Tensor) -> Tensor", "In-place form of t.", "t");
  registry.add<&transpose>("swapdims", kBoth, "(input: Tensor, dim0: int, dim1: int) -> Tensor",
                           "Another name of transpose.", "transpose");
  registry.add<&movedim>("moveaxis", kBoth,
                         "(input: Tensor, source: Dims, destination: Dims) -> Tensor",
                         "Another name of movedim.", "movedim");
}

void register_arrangements(Registry& registry) {
  register_turns(registry);
  register_own_shape(registry);
}

const Registration registered("shape", register_arrangements);

}  // namespace

}  // namespace steep::ops
