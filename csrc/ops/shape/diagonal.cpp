// Diagonals: as views, as what a matrix is made of, and written into.
#include "ops/shape/diagonal.h"

#include <numeric>

#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

// The strided view that a diagonal is: `row` and `column` go, and its own dimension comes last.
Layout diagonal_of(const Dims& shape, const Dims& strides, int64_t offset, int row, int column) {
  const int64_t down = offset < 0 ? std::min(-offset, shape[row]) : 0,
                right = offset > 0 ? std::min(offset, shape[column]) : 0;
  const int64_t length = std::max<int64_t>(0, std::min(shape[row] - down, shape[column] - right));
  Layout part;
  part.offset = length > 0 ? down * strides[row] + right * strides[column] : 0;
  for (int d = 0; d < shape.size(); ++d) {
    if (d == row || d == column) continue;
    part.shape.push_back(shape[d]);
    part.strides.push_back(strides[d]);
  }
  part.shape.push_back(length);
  part.strides.push_back(strides[row] + strides[column]);
  return part;
}

void check_apart(const char* op, int row, int column, int64_t dim1, int64_t dim2) {
  if (row == column)
    throw Error(ErrorKind::runtime, join(op, ": diagonal dimensions cannot be identical, got ",
                                         dim1, " and ", dim2, "; name two different ones"));
}

}  // namespace

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  const int row = wrap_dim("diagonal", dim1, x.dim()), column = wrap_dim("diagonal", dim2, x.dim());
  check_apart("diagonal", row, column, dim1, dim2);
  const Layout seen = diagonal_of(x.shape(), x.strides(), offset, row, column);
  Tensor out = alias(x, seen.shape, seen.strides, x->offset + seen.offset);
  tape::mark_view(out, x);
  if (wanted(x)) {
    const Layout whole{x.shape(), contiguous_strides(x.shape()), 0};
    const Layout part = diagonal_of(whole.shape, whole.strides, offset, row, column);
    record("diagonal", out, {x}, tape::lasting([whole, part](const Tensor& grad, Grads& grads) {
             grads[0] = put_strided_view(grad, whole, part);
           }));
  }
  return out;
}

Tensor diag_embed(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  if (x.dim() == 0)
    throw Error(ErrorKind::index,
                "diag_embed: expected at least one dimension, got a 0-d tensor; reshape it to (1)");
  const int rank = x.dim() + 1;
  const int row = wrap_dim("diag_embed", dim1, rank), column = wrap_dim("diag_embed", dim2, rank);
  check_apart("diag_embed", row, column, dim1, dim2);
  const int64_t side = x.size(x.dim() - 1) + std::abs(offset);
  Dims shape;
  for (int d = 0, from = 0; d < rank; ++d)
    shape.push_back(d == row || d == column ? side : x.size(from++));
  const Layout whole{shape, contiguous_strides(shape), 0};
  return put_strided_view(x, whole, diagonal_of(shape, whole.strides, offset, row, column));
}

namespace {

Tensor diag(const Tensor& x, int64_t offset) {
  if (x.dim() == 1) return diag_embed(x, offset, -2, -1);
  if (x.dim() == 2) return clone(diagonal(x, offset, 0, 1));
  fail(ErrorKind::runtime, "diag", "a vector or a matrix", join("a ", x.dim(), "-d tensor"),
       "use diagonal() or diag_embed() for batches");
}

Tensor diagflat(const Tensor& x, int64_t offset) { return diag(reshape(x, {-1}), offset); }

Tensor trace(const Tensor& x) {
  if (x.dim() != 2)
    fail(ErrorKind::runtime, "trace", "a matrix", join("a ", x.dim(), "-d tensor"),
         "sum diagonal(dim1=-2, dim2=-1) over its last dimension for batches");
  return sum(diagonal(x, 0, 0, 1), Dims{0}, false, std::nullopt);
}

// A copy of x in which `part`, a view of that copy, has the values of src.
Tensor scattered(const char* op, const Tensor& out, const Tensor& part, const Tensor& src) {
  if (src.shape() != part.shape())
    fail(ErrorKind::runtime, op, join("a src of the shape ", to_string(part.shape())),
         to_string(src.shape()), "expand or reshape it");
  assign(op, part, src);
  return out;
}

Tensor diagonal_scatter(const Tensor& x, const Tensor& src, int64_t offset, int64_t dim1,
                        int64_t dim2) {
  const Tensor out = clone(x);
  return scattered("diagonal_scatter", out, diagonal(out, offset, dim1, dim2), src);
}

Tensor select_scatter(const Tensor& x, const Tensor& src, int64_t dim, int64_t index) {
  const Tensor out = clone(x);
  return scattered("select_scatter", out, select(out, dim, index), src);
}

Tensor slice_scatter(const Tensor& x, const Tensor& src, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step) {
  const int at = wrap_dim("slice_scatter", dim, x.dim());
  Index index;
  for (int d = 0; d <= at; ++d) {
    IndexItem item;
    item.kind = IndexItem::Kind::slice;
    if (d == at) {
      item.has_start = start.has_value(), item.start = start.value_or(0);
      item.has_stop = end.has_value(), item.stop = end.value_or(0);
      item.step = step;
    }
    index.push_back(item);
  }
  const Tensor out = clone(x);
  return scattered("slice_scatter", out, get_item(out, index), src);
}

// Unrecorded, with a count of one write for each stretch.
void fill_diagonal(const Tensor& x, const Number& value, bool wrap) {
  const int64_t columns = x.size(1);
  const int64_t step = std::accumulate(x.strides().begin(), x.strides().end(), int64_t{0});
  int64_t length = *std::min_element(x.shape().begin(), x.shape().end());
  assign("fill_diagonal_", alias(x, {length}, {step}, x->offset), full({}, value, x.dtype()));
  if (!wrap || x.dim() != 2) return;
  // Below, the diagonal begins anew after a row that is left out.
  for (int64_t top = columns + 1; top < x.size(0); top += columns + 1) {
    length = std::min(x.size(0) - top, columns);
    assign("fill_diagonal_", alias(x, {length}, {step}, x->offset + top * x.strides()[0]),
           full({}, value, x.dtype()));
  }
}

Tensor fill_diagonal_(const Tensor& x, const Number& fill_value, bool wrap) {
  bool equal = true;
  for (int64_t size : x.shape()) equal &= size == x.size(0);
  if (x.dim() < 2 || (x.dim() > 2 && !equal))
    fail(ErrorKind::runtime, "fill_diagonal_",
         "a matrix, or a tensor of more dimensions of one size", to_string(x.shape()));
  check_fits("fill_diagonal_", fill_value, x.dtype());
  tape::check_writable("fill_diagonal_", x);
  if (!wanted(x) && !(wrap && x.size(0) > x.size(1) + 1) && x.numel() > 0) {
    fill_diagonal(x, fill_value, false);
    return x;
  }
  const Tensor marked = full(x.shape(), false, DType::boolean);
  {
    const tape::GradMode off(false);
    if (x.numel() > 0) fill_diagonal(marked, true, wrap);
  }
  return assign(
      "fill_diagonal_", x,
      where(marked, TensorOrNumber{{}, fill_value.as_element(x.dtype())}, {clone(x), {}}));
}

void register_diagonals(Registry& registry) {
  registry.add<&diagonal>(
      "diagonal", kBoth, "(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor",
      R"(A view of the diagonal of two dimensions, as the last dimension.

offset counts from the main diagonal: 1 is the next above it. Raises RuntimeError when dim1 is dim2,
IndexError for a dimension that does not exist.

>>> steep.diagonal(steep.arange(9).reshape(3, 3), 1)
tensor([1, 5])
)");
  registry.add<&diag>("diag", kBoth | kOut, "(input: Tensor, diagonal: int = 0) -> Tensor",
                      R"(The diagonal of a matrix, or the matrix that has a vector as its diagonal.

Shape: (M, N) to (K), or (K) to (K + |diagonal|) squared. Raises RuntimeError for other dimensions.

>>> steep.diag(steep.tensor([1, 2]))
tensor([[1, 0],
        [0, 2]])
)");
  registry.add<&diag_embed>(
      "diag_embed", kBoth,
      "(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor",
      R"(Matrices that have the last dimension as their diagonals, and zeros elsewhere.

Shape: (*, K) to (*, N, N) with N = K + |offset|; dim1 and dim2 say where the two stand. Raises
RuntimeError when these are one, IndexError for a dimension that does not exist.

>>> steep.diag_embed(steep.tensor([[1, 2]]))
tensor([[[1, 0],
         [0, 2]]])
)");
  registry.add<&diagflat>("diagflat", kBoth, "(input: Tensor, offset: int = 0) -> Tensor",
                          R"(The matrix that has all elements, in their order, as its diagonal.

Shape: any, to (N + |offset|) squared.

>>> steep.diagflat(steep.tensor([[1], [2]]))
tensor([[1, 0],
        [0, 2]])
)");
  registry.add<&trace>("trace", kBoth, "(input: Tensor) -> Tensor",
                       R"(The sum of the diagonal of a matrix.

Integers are added in int64. Raises RuntimeError for other than two dimensions.

>>> steep.trace(steep.tensor([[1.0, 2.0], [3.0, 4.0]]))
tensor(5.)
)");
}

void register_scattering(Registry& registry) {
  registry.add<&diagonal_scatter>(
      "diagonal_scatter", kBoth,
      "(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor",
      R"(A copy of input with src in place of a diagonal; see diagonal.

Raises RuntimeError when src has not the diagonal's shape.

>>> steep.diagonal_scatter(steep.zeros(2, 2), steep.ones(2))
tensor([[1., 0.],
        [0., 1.]])
)");
  registry.add<&select_scatter>("select_scatter", kBoth,
                                "(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor",
                                R"(A copy of input with src in place of one element of a dimension.

Raises RuntimeError when src has not the shape that select gives, IndexError as select does.

>>> steep.select_scatter(steep.zeros(2, 2), steep.ones(2), 0, 1)
tensor([[0., 0.],
        [1., 1.]])
)");
  registry.add<&slice_scatter>(
      "slice_scatter", kBoth | kOut,
      "(input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = "
      "None, step: int = 1) -> Tensor",
      R"(A copy of input with src in place of a slice of a dimension.

Raises RuntimeError when src has not the slice's shape, IndexError for a dimension that does not
exist, ValueError for a step below 1.

>>> steep.slice_scatter(steep.zeros(3), steep.ones(2), start=1)
tensor([0., 1., 1.])
)");
  registry.add<&fill_diagonal_>("fill_diagonal_", kMethod,
                                "(input: Tensor, fill_value: Number, wrap: bool = False) -> Tensor",
                                R"(Writes one value into the main diagonal; returns the tensor.

With wrap, the diagonal of a tall matrix begins anew below. Raises RuntimeError for fewer than two
dimensions, more of different sizes, and a value that the dtype cannot hold.

>>> steep.zeros(2, 2).fill_diagonal_(1)
tensor([[1., 0.],
        [0., 1.]])
)");
}

void register_all(Registry& registry) {
  register_diagonals(registry);
  register_scattering(registry);
}

const Registration registered("shape", register_all);

}  // namespace

}  // namespace steep::ops
