// Named forms of indexing: index_select, gather, masked_select, one_hot, flip, repeat.
#include "kernels/index/scatter.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/registry.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

// The largest of n labels, -1 for none of them.
int64_t largest_label(const int64_t* labels, int64_t n) {
  int64_t largest = -1;
  for (int64_t i = 0; i < n; ++i) {
    if (labels[i] < 0)
      throw Error(ErrorKind::runtime,
                  join("one_hot: Class values must be non-negative, got ", labels[i],
                       " at position ", i, "; remove or replace such labels first"));
    largest = std::max(largest, labels[i]);
  }
  return largest;
}

void check_classes(int64_t largest, int64_t num_classes) {
  if (num_classes < 1)
    throw Error(ErrorKind::runtime, join("one_hot: expected num_classes of at least 1, got ",
                                         num_classes, "; give the number of classes there are"));
  if (largest >= num_classes)
    throw Error(
        ErrorKind::runtime,
        join("one_hot: Class values must be smaller than num_classes: got class ", largest,
             " and num_classes ", num_classes, "; give a num_classes of at least ", largest + 1));
}

struct OneHot {
  int64_t n, num_classes;
};
// Operands: out int64[n, num_classes], labels int64[n].
void fill_one_hot(const kernels::Task& task) {
  const auto& [n, num_classes] = kernels::arguments<OneHot>(task);
  const int64_t* labels = static_cast<const int64_t*>(task.data[1]);
  check_classes(largest_label(labels, n), num_classes);
  int64_t* out = static_cast<int64_t*>(task.data[0]);
  std::fill(out, out + n * num_classes, 0);
  for (int64_t i = 0; i < n; ++i) out[i * num_classes + labels[i]] = 1;
}
constexpr Kernel kOneHot =
    program::checking("one_hot", "wr", program::routines_for<int64_t>(fill_one_hot));

void need_integers(const char* op, const Tensor& index) {
  if (index.dtype() != DType::int64 && index.dtype() != DType::int32)
    fail(ErrorKind::runtime, op, "an int64 or int32 index", name(index.dtype()),
         "convert it with .long()");
}

// Checked numbers of one dimension; unlike a subscript's, negative ones are refused.
Tensor checked_index(const char* op, const Tensor& index, int64_t size, int dim,
                     Bounds bounds = Bounds::runtime_error) {
  return linear_index(op, {index}, {size}, dim, bounds);
}

IndexedRows rows_of(const Tensor& x, int dim) {
  const Dims& shape = x.shape();
  IndexedRows rows{1,
                   shape[dim],
                   1,
                   Dims(shape.begin(), shape.begin() + dim),
                   Dims(shape.begin() + dim + 1, shape.end()),
                   shape};
  rows.outer = count(rows.before);
  rows.inner = count(rows.after);
  return rows;
}

// gather wants an index no larger than x in all dimensions but `dim`.
void check_gather(const char* op, const Tensor& x, int dim, const Tensor& index) {
  if (index.numel() > 0) need_integers(op, index);
  bool fits = index.dim() == x.dim();
  for (int d = 0; fits && d < x.dim(); ++d) fits = d == dim || index.size(d) <= x.size(d);
  if (!fits) {
    throw Error(ErrorKind::runtime,
                join(op,
                     ": Index tensor must have the same number of dimensions as input tensor and "
                     "no larger sizes apart from dimension ",
                     dim, ": index ", to_string(index.shape()), ", input ", to_string(x.shape())));
  }
}

Tensor cropped(const Tensor& x, const Tensor& index, int dim) {
  Tensor out = x;
  for (int d = 0; d < x.dim(); ++d)
    if (d != dim && index.size(d) < x.size(d)) out = narrow(out, d, 0, index.size(d));
  return out;
}

Tensor as_rank_one(const Tensor& x) { return x.dim() == 0 ? reshape(x, {1}) : x; }

// An empty index may have any shape and any dtype, as in PyTorch.
Tensor gather_nothing(const Tensor& x, const Dims& shape) {
  Tensor out = empty(shape, x.dtype());
  if (wanted(x)) {
    record("gather", out, {x}, [whole = x.shape()](const Tensor& grad, Grads& grads) {
      grads[0] = full(whole, 0, grad.dtype());
    });
  }
  return out;
}

}  // namespace

Tensor scatter_places(const Tensor& src, int dim, const Tensor& index, const Dims& shape) {
  Tensor out = full(shape, 0, src.dtype());
  const IndexedRows rows = rows_of(out, dim);
  {
    const tape::GradMode off(false);
    program::launch(kernels::kScatterAdd, src.dtype(), {out, contiguous(src), index},
                    kernels::Selection{rows.outer, rows.length, rows.inner, index.size(dim)});
  }
  if (wanted(src)) {
    record("scatter_add", out, {src},
           [index = Saved(index), dim](const Tensor& grad, Grads& grads) {
             grads[0] = gather_places(grad, dim, index.get());
           });
  }
  return out;
}

Tensor gather_places(const Tensor& x, int dim, const Tensor& index) {
  Tensor out = empty(index.shape(), x.dtype());
  const IndexedRows rows = rows_of(x, dim);
  {
    const tape::GradMode off(false);
    program::launch(kernels::kGather, x.dtype(), {out, contiguous(x), index},
                    kernels::Selection{rows.outer, rows.length, rows.inner, index.size(dim)});
  }
  if (wanted(x)) {
    record("gather", out, {x},
           [index = Saved(index), dim, shape = x.shape()](const Tensor& grad, Grads& grads) {
             grads[0] = scatter_places(grad, dim, index.get(), shape);
           });
  }
  return out;
}

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  const int at = wrap_dim("index_select", dim, x.dim());
  need_integers("index_select", index);
  if (index.dim() > 1)
    throw Error(ErrorKind::index, join("index_select: Index is supposed to be a vector, got shape ",
                                       to_string(index.shape())));
  const Tensor source = as_rank_one(x);
  const Tensor picked = pick_rows(
      source,
      checked_index("index_select", as_rank_one(index), source.size(at), at, Bounds::index_error),
      rows_of(source, at));
  return x.dim() == 0 ? reshape(picked, {}) : picked;
}

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index, bool) {
  const int at = wrap_dim("gather", dim, x.dim());
  if (index.numel() == 0) return gather_nothing(x, index.shape());
  const Tensor source = as_rank_one(x), places = as_rank_one(index);
  check_gather("gather", source, at, places);
  const Tensor out = gather_places(cropped(source, places, at), at,
                                   checked_index("gather", places, source.size(at), at));
  return index.dim() == 0 ? reshape(out, {}) : out;
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  if (mask.dtype() != DType::boolean)
    fail(ErrorKind::runtime, "masked_select", "a mask of dtype bool", name(mask.dtype()));
  const Dims shape = broadcast_shapes("masked_select", x.shape(), mask.shape());
  IndexItem item;
  item.kind = IndexItem::Kind::tensor;
  item.tensor = reshape(expand(mask, shape), {-1});
  return get_item(reshape(expand(x, shape), {-1}), {item});
}

Tensor one_hot(const Tensor& x, int64_t num_classes) {
  if (!is_integer(x.dtype()))
    fail(ErrorKind::runtime, "one_hot", "an index tensor of dtype int64, int32 or uint8",
         name(x.dtype()), "convert it with .long()");
  const Tensor labels = contiguous(to(x, DType::int64));
  if (num_classes < 1) {  // the shape depends on values, or there is none
    program::refuse_recording(
        "the size of its result depends on values (one_hot without num_classes); give num_classes");
    const int64_t largest = largest_label(labels.data<int64_t>(), labels.numel());
    if (num_classes != -1) check_classes(largest, num_classes);
    if (labels.numel() == 0)
      throw Error(
          ErrorKind::runtime,
          "one_hot: Can not infer total number of classes from empty tensor; give num_classes");
    num_classes = checked_add(largest, 1);
  }
  Dims shape = x.shape();
  shape.push_back(num_classes);
  const Tensor out = empty(shape, DType::int64);
  program::launch(kOneHot, DType::int64, {out, labels}, OneHot{labels.numel(), num_classes});
  return out;
}

Tensor flip(const Tensor& x, const Dims& dims) {
  if (x.dim() == 0) {
    wrap_dims("flip", dims, 1);
    return clone(x);
  }
  Tensor out = x;
  for (int64_t d : wrap_dims("flip", dims, x.dim())) {
    const int64_t size = x.size(static_cast<int>(d));
    Tensor order = empty({size}, DType::int64);
    for (int64_t i = 0; i < size; ++i) order.data<int64_t>()[i] = size - 1 - i;
    out = pick_rows(out, order, rows_of(out, static_cast<int>(d)));
  }
  return out.same(x) ? clone(x) : out;
}

Tensor repeat(const Tensor& x, const Dims& repeats) {
  const int lead = repeats.size() - x.dim();
  if (lead < 0)
    throw Error(ErrorKind::runtime, join("repeat: Number of dimensions of repeat dims can not be "
                                         "smaller than number of dimensions of tensor: ",
                                         repeats.size(), " and ", x.dim()));
  // Every dimension gets a partner of size 1 in front of it, which is expanded and merged.
  Dims pairs, grown, shape;
  for (int i = 0; i < repeats.size(); ++i) {
    const int64_t size = i < lead ? 1 : x.size(i - lead);
    if (repeats[i] < 0)
      throw Error(ErrorKind::runtime,
                  join("repeat: repeats must not be negative, got ", to_string(repeats)));
    for (int64_t value : {int64_t{1}, size}) pairs.push_back(value);
    for (int64_t value : {repeats[i], size}) grown.push_back(value);
    shape.push_back(checked_multiply(repeats[i], size));
  }
  const Tensor out = reshape(expand(reshape(x, pairs), grown), shape);
  return out->storage == x->storage ? clone(out) : out;
}

Tensor tile(const Tensor& x, const Dims& dims) {
  Dims repeats;
  for (int missing = dims.size(); missing < x.dim(); ++missing) repeats.push_back(1);
  for (int64_t times : dims) repeats.push_back(times);
  return repeat(x, repeats);
}

namespace {
AnyValue nonzero_as(const Tensor& x, bool as_tuple) {
  return as_tuple ? AnyValue::of(coordinates(x)) : AnyValue::of(nonzero(x));
}

void register_index(Registry& registry) {
  registry.add<&index_select>(
      "index_select", kBoth | kOutAlike, "(input: Tensor, dim: int, index: Tensor) -> Tensor",
      R"(The elements of one dimension that a vector of numbers names, in its order.

Shape: input's, with index's size at dim. Raises IndexError when a number is out of bounds, RuntimeError when index is
not of integers.

>>> steep.index_select(steep.tensor([10, 20, 30]), 0, steep.tensor([2, 0]))
tensor([30, 10])
)");
  registry.add<&gather>(
      "gather", kBoth | kOutAlike,
      "(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor",
      R"(Elements picked one by one along a dimension: for dim 1, out[i][j] = input[i][index[i][j]].

Shape: index's. Raises RuntimeError when a number is out of bounds, and when index has another rank, is larger
than input beside dim, or is not of integers.

>>> steep.gather(steep.tensor([[1, 2], [3, 4]]), 1, steep.tensor([[0, 0], [1, 0]]))
tensor([[1, 1],
        [4, 3]])
)");
  registry.add<&masked_select>("masked_select", kBoth | kOutAlike,
                               "(input: Tensor, mask: Tensor) -> Tensor",
                               R"(The elements where mask is true, in one dimension.

Shapes broadcast. Raises RuntimeError when mask is not bool.

>>> steep.masked_select(steep.tensor([1, 2, 3]), steep.tensor([True, False, True]))
tensor([1, 3])
)");
  registry.add<&nonzero>("nonzero", kBoth | kOut, "(input: Tensor) -> Tensor",
                         R"(The coordinates of the elements that are not zero, a row each.

Shape: (count, dimensions of input), int64; with as_tuple, a vector (count) for each dimension.

>>> steep.nonzero(steep.tensor([0, 5, 7]))
tensor([[1],
        [2]])
>>> steep.nonzero(steep.tensor([0, 5, 7]), as_tuple=True)
(tensor([1, 2]),)
)");
  registry.add<&nonzero_as>("nonzero", kBoth | kOut,
                            "(input: Tensor, *, as_tuple: bool) -> Tensor | tuple[Tensor, ...]",
                            "See nonzero(input).", "nonzero_tuple");
  registry.add<&one_hot>("one_hot", kFunctional, "(input: Tensor, num_classes: int = -1) -> Tensor",
                         R"(Class numbers as vectors with a 1 at the class: int64 (*, num_classes).

num_classes defaults to one more than the largest class. Raises RuntimeError for classes that are negative or not
below num_classes, and for a dtype other than int64.

>>> steep.nn.functional.one_hot(steep.tensor([0, 2]), num_classes=3)
tensor([[1, 0, 0],
        [0, 0, 1]])
)");
  registry.add<&flip>("flip", kBoth, "(input: Tensor, *dims: int) -> Tensor",
                      R"(A copy with the order of these dimensions reversed.

Raises IndexError for a dimension that does not exist, RuntimeError when one is named twice.

>>> steep.flip(steep.tensor([1, 2, 3]), (0,))
tensor([3, 2, 1])
)");
  registry.add<&repeat>("repeat", kMethod, "(input: Tensor, *repeats: int) -> Tensor",
                        R"(Copies of the tensor beside each other, so many along each dimension.

Raises RuntimeError for fewer numbers than dimensions and for negative ones.

>>> steep.tensor([1, 2]).repeat(2, 2)
tensor([[1, 2, 1, 2],
        [1, 2, 1, 2]])
)");
  registry.add<&tile>(
      "tile", kBoth, "(input: Tensor, *dims: int) -> Tensor",
      R"(Copies of the tensor beside each other, so many along each of the last dimensions.

Where dims has fewer numbers than the tensor dimensions, those in front are not repeated; otherwise
as Tensor.repeat. Raises RuntimeError for negative numbers.

>>> steep.tile(steep.tensor([[1, 2], [3, 4]]), (2,))
tensor([[1, 2, 1, 2],
        [3, 4, 3, 4]])
)");
}

const Registration registered("indexing", register_index);

}  // namespace

}  // namespace steep::ops
