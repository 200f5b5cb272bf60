// Named forms of x[index] = value and of picking: index_add, index_copy, index_fill, index_put,
// take, masked_scatter.
#include "kernels/index/index.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

IndexedRows rows_along(const Tensor& x, int dim) {
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

Tensor vector_of(const Tensor& x) { return x.dim() == 0 ? reshape(x, {1}) : x; }

// A vector of checked places in a dimension of x, which has one.
Tensor checked_places(const char* op, const Tensor& index, const Tensor& x, int dim,
                      Bounds bounds = Bounds::index_error) {
  if (index.dtype() != DType::int64 && index.dtype() != DType::int32)
    fail(ErrorKind::runtime, op, "an int64 or int32 index", name(index.dtype()),
         "convert it with .long()");
  if (index.dim() > 1)
    fail(ErrorKind::index, op, "an index that is a vector", to_string(index.shape()));
  return linear_index(op, {vector_of(index)}, {x.size(dim)}, dim, bounds);
}

// source as rows of x: x's shape with the index's length at dim.
void check_source(const char* op, const Tensor& x, int dim, const Tensor& index,
                  const Tensor& source) {
  if (source.dtype() != x.dtype())
    fail(ErrorKind::runtime, op, join("a source of the input's dtype ", name(x.dtype())),
         name(source.dtype()), "convert it with .to(dtype)");
  Dims wanted_shape = x.shape();
  wanted_shape[dim] = index.numel();
  if (source.shape() != wanted_shape)
    fail(index.numel() == source.size(std::min(dim, source.dim() - 1)) ? ErrorKind::runtime
                                                                       : ErrorKind::index,
         op, join("a source of shape ", to_string(wanted_shape)), to_string(source.shape()));
}

Tensor index_add(const Tensor& given, int64_t dim, const Tensor& index, const Tensor& source,
                 const Number& alpha) {
  const Tensor x = vector_of(given), from = vector_of(source);
  const int at = wrap_dim("index_add", dim, x.dim());
  const Tensor places = checked_places("index_add", index, x, at, Bounds::from_end);
  check_source("index_add", x, at, places, from);
  const Tensor added = add_rows(from, places, rows_along(x, at));
  return reshape(add({x, {}}, {added, {}}, alpha), given.shape());
}

// Straight into x where no graph has to know and no memory is shared.
Tensor index_add_(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                  const Number& alpha) {
  tape::check_writable("index_add_", x);
  if (wanted(x, source) || !x.is_contiguous() || x.dim() == 0 || source.dim() == 0 ||
      source->storage == x->storage || index->storage == x->storage)
    return assign("index_add_", x,
                  index_add(wanted(x, source) ? clone(x) : x, dim, index, source, alpha));
  const int at = wrap_dim("index_add_", dim, x.dim());
  const Tensor places = checked_places("index_add_", index, x, at, Bounds::from_end);
  check_source("index_add_", x, at, places, source);
  const bool plain = alpha.kind() == Number::Kind::integer && alpha.to_int() == 1;
  const Tensor added = contiguous(plain ? source : mul(source, alpha));
  if (added.dtype() != x.dtype())
    return assign("index_add_", x, index_add(x, dim, index, source, alpha));
  const IndexedRows rows = rows_along(x, at);
  program::launch(kernels::kIndexAdd, x.dtype(), {x, added, places},
                  kernels::Selection{rows.outer, rows.length, rows.inner, places.numel()});
  x->bump("index_add_");
  return x;
}

Tensor index_copy(const Tensor& given, int64_t dim, const Tensor& index, const Tensor& source) {
  const Tensor x = vector_of(given), from = vector_of(source);
  const int at = wrap_dim("index_copy", dim, x.dim());
  const Tensor places = checked_places("index_copy", index, x, at);
  check_source("index_copy", x, at, places, from);
  return reshape(put_rows(x, places, from, rows_along(x, at)), given.shape());
}

Tensor index_fill(const Tensor& given, int64_t dim, const Tensor& index,
                  const TensorOrNumber& value) {
  const Tensor x = vector_of(given);
  const int at = wrap_dim("index_fill", dim, x.dim());
  if (value.is_tensor() && value.tensor.dim() > 0)
    fail(ErrorKind::runtime, "index_fill", "a 0-dimensional value tensor",
         to_string(value.tensor.shape()));
  if (!value.is_tensor()) check_fits("index_fill", value.number, x.dtype());
  const Tensor places = checked_places("index_fill", index, x, at, Bounds::from_end);
  const Tensor filler = value.is_tensor() ? to(value.tensor, x.dtype())
                                          : full({}, value.number.as_element(x.dtype()), x.dtype());
  Dims marks(x.dim(), 1), chosen(x.dim(), 1);
  marks[at] = x.size(at), chosen[at] = places.numel();
  // By a mask, so that a row named twice gives its gradient once.
  const Tensor none = full(marks, false, DType::boolean);
  const Tensor filled =
      put_rows(none, places, full(chosen, true, DType::boolean), rows_along(none, at));
  return reshape(where(filled, TensorOrNumber{filler, {}}, TensorOrNumber{x, {}}), given.shape());
}

Index subscript(const Tensors& indices) {
  Index index;
  for (const Tensor& each : indices) {
    IndexItem item;
    item.kind = IndexItem::Kind::tensor;
    item.tensor = each;
    index.push_back(item);
  }
  return index;
}

Tensor index_put(const Tensor& x, const Tensors& indices, const Tensor& values, bool accumulate) {
  if (values.dtype() != x.dtype())
    fail(ErrorKind::runtime, "index_put", join("values of the input's dtype ", name(x.dtype())),
         name(values.dtype()), "convert them with .to(dtype)");
  if (!accumulate) {
    const Tensor out = clone(x);
    set_item(out, subscript(indices), {values, {}});
    return out;
  }
  return add_items(x, subscript(indices), values);
}

Tensor take(const Tensor& x, const Tensor& index) {
  if (index.dtype() != DType::int64)
    fail(ErrorKind::runtime, "take", "an int64 index", name(index.dtype()),
         "convert it with .long()");
  const Tensor flat = reshape(x, {-1});
  const Tensor places = linear_index("take", {reshape(index, {-1})}, {flat.numel()}, 0);
  return reshape(pick_rows(flat, places, rows_along(flat, 0)), index.shape());
}

Tensor put(const Tensor& x, const Tensor& index, const Tensor& source, bool accumulate) {
  if (index.dtype() != DType::int64)
    fail(ErrorKind::runtime, "put", "an int64 index", name(index.dtype()),
         "convert it with .long()");
  if (source.dtype() != x.dtype())
    fail(ErrorKind::runtime, "put", join("a source of the input's dtype ", name(x.dtype())),
         name(source.dtype()), "convert it with .to(dtype)");
  if (index.numel() != source.numel())
    fail(ErrorKind::runtime, "put", "as many elements as places",
         join(source.numel(), " and ", index.numel()));
  const Tensor flat = reshape(x, {-1}), from = reshape(source, {-1});
  const Tensor places = linear_index("put", {reshape(index, {-1})}, {flat.numel()}, 0);
  const IndexedRows rows = rows_along(flat, 0);
  const Tensor out =
      accumulate ? add(flat, add_rows(from, places, rows)) : put_rows(flat, places, from, rows);
  return reshape(out, x.shape());
}

Tensor take_along_dim(const Tensor& x, const Tensor& indices, std::optional<int64_t> dim) {
  if (indices.dtype() != DType::int64)
    fail(ErrorKind::runtime, "take_along_dim", "int64 indices", name(indices.dtype()),
         "convert them with .long()");
  // Unlike gather's, negative places count from the end.
  const auto from_front = [&](int64_t size, int at) {
    return linear_index("take_along_dim", {indices}, {size}, at);
  };
  if (!dim) return gather(reshape(x, {-1}), 0, reshape(from_front(x.numel(), 0), {-1}), false);
  const int at = wrap_dim("take_along_dim", *dim, x.dim());
  if (x.dim() != indices.dim())
    fail(ErrorKind::runtime, "take_along_dim", "input and indices of as many dimensions",
         join(x.dim(), " and ", indices.dim()));
  Dims mine = x.shape(), theirs = indices.shape();
  if (x.dim() > 0) mine[at] = theirs[at] = 1;
  Dims common = broadcast_shapes("take_along_dim", mine, theirs);
  mine = theirs = common;
  if (x.dim() > 0) mine[at] = x.size(at), theirs[at] = indices.size(at);
  return gather(expand(x, mine), at, expand(from_front(x.dim() > 0 ? x.size(at) : 1, at), theirs),
                false);
}

Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source) {
  if (mask.dtype() != DType::boolean)
    fail(ErrorKind::runtime, "masked_scatter", "a mask of dtype bool", name(mask.dtype()));
  if (source.dtype() != x.dtype())
    fail(ErrorKind::runtime, "masked_scatter",
         join("a source of the input's dtype ", name(x.dtype())), name(source.dtype()),
         "convert it with .to(dtype)");
  const Dims shape = broadcast_shapes("masked_scatter", x.shape(), mask.shape());
  const Tensor flat = reshape(expand(x, shape), {-1});
  const Tensor places = reshape(nonzero(reshape(expand(mask, shape), {-1})), {-1});
  if (places.numel() > source.numel())
    fail(ErrorKind::runtime, "masked_scatter",
         join("a source of at least ", places.numel(), " elements, as many as the mask has true"),
         join(source.numel()));
  const Tensor values = narrow(reshape(source, {-1}), 0, 0, places.numel());
  return reshape(put_rows(flat, places, values, rows_along(flat, 0)), shape);
}

Tensor argwhere(const Tensor& x) { return nonzero(x); }

void register_writes(Registry& registry) {
  static constexpr const char* kAdd =
      "(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor";
  registry.add<&index_add>(
      "index_add", kBoth | kOut, kAdd,
      R"(input with alpha times rows of source added to the rows that a vector of numbers names.

Shape: input's; source has the index's length at dim. Raises IndexError for numbers out of bounds and
another length, RuntimeError for another shape or dtype.

>>> steep.index_add(steep.zeros(2), 0, steep.tensor([1, 1]), steep.tensor([1.0, 2.0]))
tensor([0., 3.])
)");
  registry.add<&index_add_>("index_add_", kMethod, kAdd, "In-place form of index_add.",
                            "index_add");
  static constexpr const char* kCopy =
      "(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor";
  registry.add<&index_copy>(
      "index_copy", kBoth | kOut, kCopy,
      R"(input with rows of source in place of the rows that a vector of numbers names.

Of several for one row, the last wins. Shape: input's; source has the index's length at dim. Raises
IndexError for numbers out of bounds and another length, RuntimeError for another shape or dtype.

>>> steep.index_copy(steep.zeros(2), 0, steep.tensor([1]), steep.tensor([5.0]))
tensor([0., 5.])
)");
  registry.add_inplace<&index_copy>("index_copy_", kCopy, "In-place form of index_copy.",
                                    "index_copy");
  static constexpr const char* kFill =
      "(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor";
  registry.add<&index_fill>("index_fill", kBoth, kFill,
                            R"(input with one value in the rows that a vector of numbers names.

Shape: input's. Raises IndexError for numbers out of bounds, RuntimeError for a value with dimensions
or one that the dtype cannot hold.

>>> steep.index_fill(steep.zeros(3), 0, steep.tensor([0, 2]), 7)
tensor([7., 0., 7.])
)");
  registry.add_inplace<&index_fill>("index_fill_", kFill, "In-place form of index_fill.",
                                    "index_fill");
  static constexpr const char* kPut =
      "(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> "
      "Tensor";
  registry.add<&index_put>(
      "index_put", kBoth, kPut,
      R"(input after input[indices] = values; with accumulate, values are added.

Shapes as in a subscript by tensors. Raises IndexError for numbers out of bounds, RuntimeError when
values do not broadcast or have another dtype.

>>> steep.index_put(steep.zeros(3), (steep.tensor([1, 1]),), steep.ones(2), accumulate=True)
tensor([0., 2., 0.])
)");
  registry.add_inplace<&index_put>("index_put_", kPut, "In-place form of index_put.", "index_put");
  static constexpr const char* kPlaces =
      "(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor";
  registry.add<&put>(
      "put", kBoth, kPlaces,
      R"(input with elements of source at places of its row-major order; with accumulate, added.

Shape: input's. Raises IndexError for places out of bounds, RuntimeError when there are not as many
elements as places, and for another dtype.

>>> steep.put(steep.zeros(2, 2), steep.tensor([3, 0]), steep.tensor([1.0, 2.0]))
tensor([[2., 0.],
        [0., 1.]])
)");
  registry.add_inplace<&put>("put_", kPlaces, "In-place form of put.", "put");
  static constexpr const char* kMasked = "(input: Tensor, mask: Tensor, source: Tensor) -> Tensor";
  registry.add<&masked_scatter>(
      "masked_scatter", kBoth, kMasked,
      R"(input with elements of source, in their order, where mask is true.

Shapes of input and mask broadcast. Raises RuntimeError when mask is not bool, source has too few
elements or another dtype.

>>> steep.masked_scatter(steep.zeros(3), steep.tensor([True, False, True]), steep.ones(2))
tensor([1., 0., 1.])
)");
  registry.add_inplace<&masked_scatter>("masked_scatter_", kMasked,
                                        "In-place form of masked_scatter.", "masked_scatter");
}

void register_picks(Registry& registry) {
  registry.add<&take>("take", kBoth | kOutAlike, "(input: Tensor, index: Tensor) -> Tensor",
                      R"(The elements at places of the row-major order.

Shape: index's. Raises IndexError for places out of bounds, RuntimeError when index is not int64.

>>> steep.take(steep.tensor([[1, 2], [3, 4]]), steep.tensor([3, 0]))
tensor([4, 1])
)");
  registry.add<&take_along_dim>(
      "take_along_dim", kBoth | kOut,
      "(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor",
      R"(Elements picked along a dimension, as argsort or topk name them; without dim, of all elements.

Shapes broadcast beside dim. Raises RuntimeError when indices is not int64, has another rank or
places out of bounds.

>>> x = steep.tensor([[3, 1, 2]])
>>> steep.take_along_dim(x, steep.argsort(x), 1)
tensor([[1, 2, 3]])
)");
  registry.add<&argwhere>("argwhere", kBoth, "(input: Tensor) -> Tensor",
                          "Another name of nonzero.", "nonzero");
}

void register_by_name(Registry& registry) {
  register_writes(registry);
  register_picks(registry);
}

const Registration registered("indexing", register_by_name);

}  // namespace

}  // namespace steep::ops
