// Registry entries of view.cpp.
#include "ops/shape/view.h"

#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

Tensor movedim(const Tensor& x, const Dims& source, const Dims& destination) {
  const Dims from = wrap_dims("movedim", source, x.dim()),
             to = wrap_dims("movedim", destination, x.dim());
  if (from.size() != to.size())
    fail(ErrorKind::runtime, "movedim", "source and destination of one length",
         join(from.size(), " and ", to.size()));
  Dims order(x.dim(), -1);
  for (int i = 0; i < from.size(); ++i) order[to[i]] = from[i];
  int next = 0;
  for (int64_t& slot : order) {
    if (slot >= 0) continue;
    while (std::find(from.begin(), from.end(), next) != from.end()) ++next;
    slot = next++;
  }
  return permute(x, order);
}

namespace {
Tensor squeeze_all(const Tensor& x) { return squeeze(x, std::nullopt); }
Tensor squeeze_dims(const Tensor& x, const Dims& dim) { return squeeze(x, dim); }
Tensor view_as(const Tensor& x, const Tensor& other) { return view(x, other.shape()); }
Tensor reshape_as(const Tensor& x, const Tensor& other) { return reshape(x, other.shape()); }
Tensor expand_as(const Tensor& x, const Tensor& other) { return expand(x, other.shape()); }
Tensor ravel(const Tensor& x) { return reshape(x, {-1}); }
Tensor broadcast_to(const Tensor& x, const Dims& size) { return expand(x, size); }
Tensor detach_(const Tensor& x) {
  tape::History& h = tape::ensure_history(x);
  if (tape::is_view(h))
    throw Error(ErrorKind::runtime, "detach_: Can't detach views in-place. Use detach() instead.");
  tape::set_grad_fn(x, nullptr, 0);
  h.requires_grad = h.retains_grad = false;
  return x;
}

void register_view(Registry& registry) {
  registry.add<&reshape>(
      "reshape", kBoth, "(input: Tensor, *shape: int) -> Tensor",
      R"(The elements in another shape; one size may be -1. A view where memory allows, else a copy.

Raises RuntimeError when the number of elements differs.

>>> steep.arange(4).reshape(2, -1)
tensor([[0, 1],
        [2, 3]])
)");
  registry.add<&view>("view", kMethod, "(input: Tensor, *size: int) -> Tensor",
                      R"(The same memory in another shape; one size may be -1.

Raises RuntimeError when the number of elements differs or the strides do not allow it.

>>> steep.arange(4).view(2, 2)
tensor([[0, 1],
        [2, 3]])
)");
  registry.add<&view_as>("view_as", kMethod, "(input: Tensor, other: Tensor) -> Tensor",
                         R"(A view in the shape of other; errors as in view.

>>> steep.arange(4).view_as(steep.zeros(2, 2)).shape
steep.Size([2, 2])
)",
                         "view");
  registry.add<&reshape_as>("reshape_as", kMethod, "(input: Tensor, other: Tensor) -> Tensor",
                            R"(The elements in the shape of other; errors as in reshape.

>>> steep.arange(4).reshape_as(steep.zeros(2, 2)).shape
steep.Size([2, 2])
)",
                            "reshape");
  registry.add<&as_strided>(
      "as_strided", kBoth,
      "(input: Tensor, size: Dims, stride: Dims, storage_offset: int | None = None) -> Tensor",
      R"(A view of the storage with any size, stride and offset (in elements).

Raises RuntimeError when it would reach past the storage and for negative strides.

>>> steep.arange(6).as_strided((2, 2), (3, 1))
tensor([[0, 1],
        [3, 4]])
)");
  registry.add<&expand>(
      "expand", kMethod, "(input: Tensor, *size: int) -> Tensor",
      R"(A view in which dimensions of size 1 repeat; -1 keeps a size. No memory is used.

Raises RuntimeError when a size other than 1 would have to change.

>>> steep.tensor([[1], [2]]).expand(2, 2)
tensor([[1, 1],
        [2, 2]])
)");
  registry.add<&expand_as>("expand_as", kMethod, "(input: Tensor, other: Tensor) -> Tensor",
                           R"(A view expanded to the shape of other; errors as in expand.

>>> steep.arange(2).expand_as(steep.zeros(3, 2)).shape
steep.Size([3, 2])
)",
                           "expand");
  registry.add<&broadcast_to>("broadcast_to", kBoth, "(input: Tensor, size: Dims) -> Tensor",
                              R"(A view broadcast to size; see Tensor.expand.

Raises RuntimeError when input does not broadcast to it.

>>> steep.broadcast_to(steep.tensor([1, 2]), (2, 2))
tensor([[1, 2],
        [1, 2]])
)",
                              "expand");
  registry.add<&permute>("permute", kMethod, "(input: Tensor, *dims: int) -> Tensor",
                         R"(A view with the dimensions in another order.

Raises RuntimeError unless every dimension is named once.

>>> steep.zeros(2, 3, 4).permute(2, 0, 1).shape
steep.Size([4, 2, 3])
)");
  registry.add<&permute>("permute", kFunction, "(input: Tensor, dims: Dims) -> Tensor",
                         R"(A view with the dimensions in another order.

Raises RuntimeError unless every dimension is named once.

>>> steep.permute(steep.zeros(2, 3), (1, 0)).shape
steep.Size([3, 2])
)");
  registry.add<&movedim>("movedim", kBoth,
                         "(input: Tensor, source: Dims, destination: Dims) -> Tensor",
                         R"(A view with dimensions moved to other places, the rest in order.

Raises RuntimeError when source and destination differ in length or repeat.

>>> steep.movedim(steep.zeros(2, 3, 4), 0, -1).shape
steep.Size([3, 4, 2])
)");
  static constexpr const char* kTranspose = R"(A view with two dimensions exchanged.

Raises IndexError for a dimension that does not exist.

>>> steep.transpose(steep.tensor([[1, 2], [3, 4]]), 0, 1)
tensor([[1, 3],
        [2, 4]])
)";
  registry.add<&transpose>("transpose", kBoth, "(input: Tensor, dim0: int, dim1: int) -> Tensor",
                           kTranspose);
  registry.add<&transpose>("swapaxes", kBoth, "(input: Tensor, axis0: int, axis1: int) -> Tensor",
                           "Another name of transpose.", "transpose");
  registry.add<&t>("t", kBoth, "(input: Tensor) -> Tensor",
                   R"(The transpose of a matrix; vectors and 0-d tensors as they are.

Raises RuntimeError above 2 dimensions.

>>> steep.t(steep.tensor([[1, 2]]))
tensor([[1],
        [2]])
)");
  registry.add<&squeeze_all>(
      "squeeze", kBoth, "(input: Tensor) -> Tensor",
      R"(A view without the dimensions of size 1: all of them, or those named by dim.

Raises IndexError for a dimension that does not exist.

>>> steep.squeeze(steep.zeros(1, 2, 1)).shape
steep.Size([2])
>>> steep.squeeze(steep.zeros(1, 2, 1), 0).shape
steep.Size([2, 1])
)");
  registry.add<&squeeze_dims>("squeeze", kBoth, "(input: Tensor, dim: Dims) -> Tensor",
                              "See squeeze(input).");
  registry.add<&unsqueeze>("unsqueeze", kBoth, "(input: Tensor, dim: int) -> Tensor",
                           R"(A view with a new dimension of size 1 at dim.

Raises IndexError when dim is out of range.

>>> steep.unsqueeze(steep.tensor([1, 2]), 1).shape
steep.Size([2, 1])
)");
  registry.add<&flatten>("flatten", kBoth,
                         "(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor",
                         R"(Dimensions start_dim to end_dim merged into one.

Raises RuntimeError when start_dim comes after end_dim.

>>> steep.flatten(steep.zeros(2, 3, 4), 1).shape
steep.Size([2, 12])
)");
  registry.add<&unflatten>("unflatten", kBoth, "(input: Tensor, dim: int, sizes: Dims) -> Tensor",
                           R"(One dimension seen as several; one size may be -1.

Raises RuntimeError when the sizes do not multiply to the dimension's.

>>> steep.unflatten(steep.zeros(2, 12), 1, (3, -1)).shape
steep.Size([2, 3, 4])
)");
  registry.add<&ravel>("ravel", kBoth, "(input: Tensor) -> Tensor",
                       R"(The elements in one dimension; a view where memory allows.

>>> steep.ravel(steep.zeros(2, 3)).shape
steep.Size([6])
)",
                       "reshape");
  registry.add<&narrow>("narrow", kBoth,
                        "(input: Tensor, dim: int, start: int, length: int) -> Tensor",
                        R"(A view of length elements of one dimension, from start on.

Raises RuntimeError when they reach past the dimension.

>>> steep.narrow(steep.arange(5), 0, 1, 3)
tensor([1, 2, 3])
)");
  registry.add<&select>("select", kBoth, "(input: Tensor, dim: int, index: int) -> Tensor",
                        R"(A view of one element of a dimension, which is dropped.

Raises IndexError when the index is out of bounds.

>>> steep.select(steep.tensor([[1, 2], [3, 4]]), 0, -1)
tensor([3, 4])
)");
  registry.add<&unbind>("unbind", kBoth, "(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]",
                        R"(Views of every element of one dimension.

Raises RuntimeError for a 0-d tensor.

>>> steep.unbind(steep.tensor([[1, 2], [3, 4]]))
(tensor([1, 2]), tensor([3, 4]))
)");
  registry.add<&split>(
      "split", kBoth,
      "(tensor: Tensor, split_size_or_sections: int, dim: int = 0) -> tuple[Tensor, ...]",
      R"(Views of consecutive parts: of one size (the last may be smaller), or of the sizes listed.

Raises RuntimeError when the sizes do not add up to the dimension's.

>>> steep.split(steep.arange(5), 2)
(tensor([0, 1]), tensor([2, 3]), tensor([4]))
)");
  registry.add<&split_sizes>(
      "split", kBoth,
      "(tensor: Tensor, split_size_or_sections: Dims, dim: int = 0) -> tuple[Tensor, ...]",
      "See split(tensor, size).");
  registry.add<&chunk>("chunk", kBoth,
                       "(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]",
                       R"(Views of at most `chunks` parts of equal size, the last perhaps smaller.

Raises RuntimeError unless chunks is positive.

>>> steep.chunk(steep.arange(5), 2)
(tensor([0, 1, 2]), tensor([3, 4]))
)");
  registry.add<&detach>("detach", kBoth, "(input: Tensor) -> Tensor",
                        R"(The same memory without history: gradients stop here.

>>> steep.ones(1, requires_grad=True).detach().requires_grad
False
)");
  registry.add<&detach_>("detach_", kMethod, "(input: Tensor) -> Tensor",
                         "In-place form of detach.", "detach");
}

const Registration registered("shape", register_view);

}  // namespace

}  // namespace steep::ops
