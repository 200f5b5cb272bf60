// Tensors brought to a rank, joined along a dimension that their rank says, and parted again.
#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"
#include "ops/shape/view.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

Tensor atleast_1d(const Tensor& x) { return x.dim() == 0 ? reshape(x, {1}) : x; }
Tensor atleast_2d(const Tensor& x) { return x.dim() < 2 ? unsqueeze(atleast_1d(x), 0) : x; }
Tensor atleast_3d(const Tensor& x) { return x.dim() < 3 ? unsqueeze(atleast_2d(x), -1) : x; }

template <Tensor (*function)(const Tensor&)>
Tensors of_each(const Tensors& tensors) {
  Tensors out;
  for (const Tensor& x : tensors) out.push_back(function(x));
  return out;
}

void need_tensors(const char* op, const Tensors& tensors) {
  if (tensors.empty())
    throw Error(ErrorKind::runtime, join(op, ": expected a non-empty list of Tensors"));
}

Tensor hstack(const Tensors& tensors) {
  need_tensors("hstack", tensors);
  return cat(of_each<atleast_1d>(tensors), tensors[0].dim() < 2 ? 0 : 1);
}
Tensor vstack(const Tensors& tensors) {
  need_tensors("vstack", tensors);
  return cat(of_each<atleast_2d>(tensors), 0);
}
Tensor dstack(const Tensors& tensors) {
  need_tensors("dstack", tensors);
  return cat(of_each<atleast_3d>(tensors), 2);
}
Tensor column_stack(const Tensors& tensors) {
  need_tensors("column_stack", tensors);
  Tensors columns;
  for (const Tensor& x : tensors) columns.push_back(x.dim() <= 1 ? reshape(x, {x.numel(), 1}) : x);
  return cat(columns, 1);
}

// The parts of a dimension, the first of which are one longer where it does not come out even.
Tensors split_evenly(const char* op, const Tensor& x, int64_t sections, int64_t dim) {
  if (x.dim() == 0)
    throw Error(ErrorKind::runtime,
                join(op, ": expected at least a 1-dimensional tensor, got a 0-d tensor"));
  if (sections <= 0)
    fail(ErrorKind::runtime, op, "a number of sections greater than 0", join(sections));
  const int at = wrap_dim(op, dim, x.dim());
  const int64_t size = x.size(at), least = size / sections, longer = size % sections;
  const int parts = part_count(op, sections);
  Dims sizes;
  for (int i = 0; i < parts; ++i) sizes.push_back(least + (i < longer ? 1 : 0));
  return split_sizes(x, sizes, at);
}

int64_t clipped(int64_t at, int64_t size) {
  return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
}

// The parts between indices, as slices of Python's.
Tensors split_at(const char* op, const Tensor& x, const Dims& indices, int64_t dim) {
  if (x.dim() == 0)
    throw Error(ErrorKind::runtime,
                join(op, ": expected at least a 1-dimensional tensor, got a 0-d tensor"));
  const int at = wrap_dim(op, dim, x.dim());
  const int64_t size = x.size(at);
  Tensors parts;
  int64_t start = 0;
  for (int i = 0; i <= indices.size(); ++i) {
    const int64_t stop = i < indices.size() ? clipped(indices[i], size) : size;
    parts.push_back(stepped("tensor_split", x, at, start, std::max<int64_t>(stop - start, 0), 1));
    start = stop;
  }
  return parts;
}

Tensors tensor_split(const Tensor& x, int64_t sections, int64_t dim) {
  return split_evenly("tensor_split", x, sections, dim);
}
Tensors tensor_split_at(const Tensor& x, const Dims& indices, int64_t dim) {
  return split_at("tensor_split", x, indices, dim);
}
Tensors tensor_split_by(const Tensor& x, const Tensor& indices, int64_t dim) {
  if (indices.dtype() != DType::int64 || indices.dim() > 1)
    fail(ErrorKind::runtime, "tensor_split", "a number or a vector of int64",
         join(name(indices.dtype()), " of shape ", to_string(indices.shape())));
  program::refuse_recording(
      "the sizes of its results depend on values (tensor_split by a tensor); give ints");
  if (indices.dim() == 0) return tensor_split(x, item(indices).to_int(), dim);
  const Tensor dense = contiguous(indices);
  Dims places;
  for (int64_t i = 0; i < dense.numel(); ++i) places.push_back(dense.data<int64_t>()[i]);
  return tensor_split_at(x, places, dim);
}

// hsplit and its like: the dimension goes by the rank, and must come out even.
struct Way {
  const char* op;
  int least;  // dimensions
  int dim;
};
constexpr Way kAcross{"hsplit", 1, 1}, kDown{"vsplit", 2, 0}, kDeep{"dsplit", 3, 2};

int dim_of(const Way& way, const Tensor& x) {
  if (x.dim() < way.least)
    fail(ErrorKind::runtime, way.op, join("a tensor with at least ", way.least, " dimension(s)"),
         join(x.dim()));
  return x.dim() == 1 ? 0 : way.dim;
}

template <const Way& way>
Tensors split_into(const Tensor& x, int64_t sections) {
  const int dim = dim_of(way, x);
  if (sections <= 0 || x.size(dim) % sections != 0)
    fail(ErrorKind::runtime, way.op,
         join("a number of sections that divides the size ", x.size(dim), " of dimension ", dim),
         join(sections), "tensor_split makes parts that differ by one");
  return split_evenly(way.op, x, sections, dim);
}
template <const Way& way>
Tensors split_between(const Tensor& x, const Dims& indices) {
  return split_at(way.op, x, indices, dim_of(way, x));
}

Tensors broadcast_tensors(const Tensors& tensors) {
  Dims shape;
  for (const Tensor& x : tensors) shape = broadcast_shapes("broadcast_tensors", shape, x.shape());
  Tensors out;
  for (const Tensor& x : tensors) out.push_back(expand(x, shape));
  return out;
}

constexpr const char* kMany = "(*tensors: Tensor) -> tuple[Tensor, ...]";
constexpr const char* kOne = "(input: Tensor) -> Tensor";
constexpr const char* kList = "(tensors: Sequence[Tensor]) -> Tensor";

void register_ranks(Registry& registry) {
  registry.add<&atleast_1d>(
      "atleast_1d", kFunction, kOne,
      R"(A view with at least one dimension; of several tensors, a tuple of them.

Shape: () becomes (1), others are kept.

>>> steep.atleast_1d(steep.tensor(2.0))
tensor([2.])
)");
  registry.add<&of_each<atleast_1d>>("atleast_1d", kFunction, kMany, "See atleast_1d(input).");
  registry.add<&atleast_2d>(
      "atleast_2d", kFunction, kOne,
      R"(A view with at least two dimensions; of several tensors, a tuple of them.

Shape: (N) becomes (1, N).

>>> steep.atleast_2d(steep.tensor([1, 2]))
tensor([[1, 2]])
)");
  registry.add<&of_each<atleast_2d>>("atleast_2d", kFunction, kMany, "See atleast_2d(input).");
  registry.add<&atleast_3d>(
      "atleast_3d", kFunction, kOne,
      R"(A view with at least three dimensions; of several tensors, a tuple of them.

Shape: (N) becomes (1, N, 1), (M, N) becomes (M, N, 1).

>>> steep.atleast_3d(steep.tensor([1, 2])).shape
steep.Size([1, 2, 1])
)");
  registry.add<&of_each<atleast_3d>>("atleast_3d", kFunction, kMany, "See atleast_3d(input).");
  registry.add<&broadcast_tensors>("broadcast_tensors", kFunction, kMany,
                                   R"(Views of all tensors in the shape that they broadcast to.

Raises RuntimeError when the shapes do not broadcast.

>>> steep.broadcast_tensors(steep.tensor([1, 2]), steep.tensor([[3], [4]]))[0]
tensor([[1, 2],
        [1, 2]])
)");
}

void register_stacks(Registry& registry) {
  registry.add<&hstack>(
      "hstack", kFunction | kOut, kList,
      R"(Tensors side by side: along the second dimension, vectors along the first.

Shapes and errors as in cat.

>>> steep.hstack([steep.tensor([1, 2]), steep.tensor([3])])
tensor([1, 2, 3])
)");
  registry.add<&vstack>("vstack", kFunction | kOut, kList,
                        R"(Tensors below each other: along the first dimension, vectors as rows.

Shapes and errors as in cat.

>>> steep.vstack([steep.tensor([1, 2]), steep.tensor([3, 4])])
tensor([[1, 2],
        [3, 4]])
)");
  registry.add<&vstack>("row_stack", kFunction | kOut, kList, "Another name of vstack.", "vstack");
  registry.add<&dstack>("dstack", kFunction | kOut, kList,
                        R"(Tensors behind each other: along the third dimension.

Shapes and errors as in cat.

>>> steep.dstack([steep.tensor([1, 2]), steep.tensor([3, 4])])
tensor([[[1, 3],
         [2, 4]]])
)");
  registry.add<&column_stack>("column_stack", kFunction | kOut, kList,
                              R"(Tensors side by side, vectors as columns.

Shapes and errors as in cat.

>>> steep.column_stack([steep.tensor([1, 2]), steep.tensor([3, 4])])
tensor([[1, 3],
        [2, 4]])
)");
}

template <const Way& way>
void register_way(Registry& registry, const char* doc, const char* see) {
  registry.add<&split_into<way>>(way.op, kBoth,
                                 "(input: Tensor, sections: int) -> tuple[Tensor, ...]", doc);
  registry.add<&split_between<way>>(way.op, kBoth,
                                    "(input: Tensor, indices: Dims) -> tuple[Tensor, ...]", see);
}

void register_parts(Registry& registry) {
  registry.add<&tensor_split>(
      "tensor_split", kBoth,
      "(input: Tensor, indices_or_sections: int, dim: int = 0) -> tuple[Tensor, ...]",
      R"(Views of parts of a dimension: so many, the first of them one longer, or those between indices.

Raises RuntimeError for a 0-d tensor and for fewer than one section.

>>> steep.tensor_split(steep.arange(5), 2)
(tensor([0, 1, 2]), tensor([3, 4]))
>>> steep.tensor_split(steep.arange(5), (1, 4))
(tensor([0]), tensor([1, 2, 3]), tensor([4]))
)");
  registry.add<&tensor_split_at>(
      "tensor_split", kBoth,
      "(input: Tensor, indices_or_sections: Dims, dim: int = 0) -> tuple[Tensor, ...]",
      "See tensor_split(input, sections).");
  registry.add<&tensor_split_by>(
      "tensor_split", kBoth,
      "(input: Tensor, tensor_indices_or_sections: Tensor, dim: int = 0) -> tuple[Tensor, ...]",
      "See tensor_split(input, sections).");
  registry.add<&split_sizes>(
      "split_with_sizes", kBoth,
      "(input: Tensor, split_sizes: Dims, dim: int = 0) -> tuple[Tensor, ...]",
      R"(Views of consecutive parts of the sizes listed.

Raises RuntimeError when the sizes do not add up to the dimension's.

>>> steep.split_with_sizes(steep.arange(3), (1, 2))
(tensor([0]), tensor([1, 2]))
)");
  register_way<kAcross>(registry, R"(Views of equal parts side by side, or of those between indices.

Along the second dimension, of a vector along the first. Raises RuntimeError when the parts would
not be equal.

>>> steep.hsplit(steep.arange(4), 2)
(tensor([0, 1]), tensor([2, 3]))
)",
                        "See hsplit(input, sections).");
  register_way<kDown>(registry,
                      R"(Views of equal parts below each other, or of those between indices.

Along the first dimension. Raises RuntimeError when the parts would not be equal, and for vectors.

>>> steep.vsplit(steep.arange(4).reshape(2, 2), 2)
(tensor([[0, 1]]), tensor([[2, 3]]))
)",
                      "See vsplit(input, sections).");
  register_way<kDeep>(registry,
                      R"(Views of equal parts behind each other, or of those between indices.

Along the third dimension. Raises RuntimeError when the parts would not be equal, and for fewer than
three dimensions.

>>> steep.dsplit(steep.arange(4).reshape(1, 2, 2), 2)[0].tolist()
[[[0], [2]]]
)",
                      "See dsplit(input, sections).");
}

void register_all(Registry& registry) {
  register_ranks(registry);
  register_stacks(registry);
  register_parts(registry);
}

const Registration registered("shape", register_all);

}  // namespace

}  // namespace steep::ops
