// Tensors made of all combinations of others: grids, products, blocks; and places of triangles.
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/options.h"
#include "ops/registry.h"
#include "ops/shape/view.h"
#include "tensor/shape.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

Tensors grid(const Tensors& tensors) {
  Dims shape;
  for (const Tensor& x : tensors) shape.push_back(x.numel());
  Tensors out;
  for (int i = 0; i < tensors.size(); ++i) {
    Dims own(tensors.size(), 1);
    own[i] = shape[i];
    out.push_back(expand(reshape(tensors[i], own), shape));
  }
  return out;
}

Tensors meshgrid(const Tensors& tensors, const std::optional<std::string>& indexing) {
  if (tensors.empty()) fail(ErrorKind::runtime, "meshgrid", "at least one tensor", "none");
  for (const Tensor& x : tensors) {
    if (x.dim() > 1)
      fail(ErrorKind::runtime, "meshgrid", "scalars and vectors", to_string(x.shape()));
    if (x.dtype() != tensors[0].dtype())
      fail(ErrorKind::runtime, "meshgrid", "all tensors to have the same dtype",
           join(name(tensors[0].dtype()), " and ", name(x.dtype())), "convert with .to(dtype)");
  }
  const std::string order = indexing.value_or("ij");
  if (order != "ij" && order != "xy")
    fail(ErrorKind::runtime, "meshgrid", "indexing to be one of 'xy' or 'ij'",
         join("'", order, "'"));
  if (order == "ij" || tensors.size() < 2) return grid(tensors);
  Tensors exchanged = tensors;
  std::swap(exchanged[0], exchanged[1]);
  Tensors out = grid(exchanged);
  std::swap(out[0], out[1]);
  return out;
}

Tensor cartesian_prod(const Tensors& tensors) {
  if (tensors.empty()) fail(ErrorKind::runtime, "cartesian_prod", "at least one tensor", "none");
  for (const Tensor& x : tensors)
    if (x.dim() != 1) fail(ErrorKind::runtime, "cartesian_prod", "vectors", to_string(x.shape()));
  if (tensors.size() == 1) return tensors[0];
  Tensors columns;
  for (const Tensor& x : meshgrid(tensors, "ij")) columns.push_back(reshape(x, {-1}));
  return stack(columns, 1);
}

// The numbers of the elements of each combination, in lexicographic order.
void combine(int64_t n, int64_t r, bool repeated, Dims& chosen, std::vector<int64_t>& out) {
  if (chosen.size() == r) {
    out.insert(out.end(), chosen.begin(), chosen.end());
    return;
  }
  const int64_t first = chosen.empty() ? 0 : chosen.back() + (repeated ? 0 : 1);
  for (int64_t i = first; i < n; ++i) {
    chosen.push_back(i);
    combine(n, r, repeated, chosen, out);
    chosen.pop_back();
  }
}

Tensor combinations(const Tensor& x, int64_t r, bool with_replacement) {
  if (x.dim() != 1) fail(ErrorKind::runtime, "combinations", "a vector", to_string(x.shape()));
  if (r < 0) fail(ErrorKind::runtime, "combinations", "a non-negative r", join(r));
  if (r == 0) return empty({0}, x.dtype());
  std::vector<int64_t> places;
  Dims chosen;
  combine(x.numel(), r, with_replacement, chosen, places);
  const int64_t count = static_cast<int64_t>(places.size());
  const Tensor index = empty({count}, DType::int64);
  std::copy(places.begin(), places.end(), index.data<int64_t>());
  return reshape(index_select(x, 0, index), {count / r, r});
}

// kron(x, other)[i * m + k, ...] = x[i, ...] * other[k, ...], for every dimension.
Tensor kron(const Tensor& x, const Tensor& other) {
  const int rank = std::max(x.dim(), other.dim());
  Dims outer, inner, shape;
  for (int d = 0; d < rank; ++d) {
    const int a = d - (rank - x.dim()), b = d - (rank - other.dim());
    const int64_t rows = a < 0 ? 1 : x.size(a), each = b < 0 ? 1 : other.size(b);
    outer.push_back(rows), outer.push_back(1);
    inner.push_back(1), inner.push_back(each);
    shape.push_back(checked_multiply(rows, each));
  }
  return reshape(mul(reshape(x, outer), reshape(other, inner)), shape);
}

Tensor block_diag(const Tensors& tensors) {
  Tensors blocks;
  int64_t columns = 0;
  for (const Tensor& x : tensors) {
    if (x.dim() > 2)
      fail(ErrorKind::runtime, "block_diag", "tensors with at most 2 dimensions",
           to_string(x.shape()));
    blocks.push_back(x.dim() == 2 ? x : reshape(x, {1, x.numel()}));
    columns += blocks.back().size(1);
  }
  if (blocks.empty()) return full({1, 0}, 0, std::nullopt);
  Tensors rows;
  int64_t before = 0;
  for (const Tensor& x : blocks) {
    const int64_t height = x.size(0), width = x.size(1);
    const Tensor left = full({height, before}, 0, x.dtype());
    const Tensor right = full({height, columns - before - width}, 0, x.dtype());
    rows.push_back(cat({left, x, right}, 1));
    before += width;
  }
  return cat(rows, 0);
}

struct Triangle {
  int64_t rows, columns, offset, count;
  kernels::Flag lower;
};

std::pair<int64_t, int64_t> kept_of_row(const Triangle& of, int64_t row) {
  const int64_t first = of.lower ? 0 : std::clamp<int64_t>(row + of.offset, 0, of.columns);
  const int64_t end =
      of.lower ? std::clamp<int64_t>(row + of.offset + 1, 0, of.columns) : of.columns;
  return {first, std::max(first, end)};
}

// Operands: out [2, count].
template <class T>
void write_places(const kernels::Task& task) {
  const Triangle& of = kernels::arguments<Triangle>(task);
  T* rows = static_cast<T*>(task.data[0]);
  T* columns = rows + of.count;
  for (int64_t row = 0; row < of.rows; ++row) {
    const auto [first, end] = kept_of_row(of, row);
    for (int64_t column = first; column < end; ++column)
      *rows++ = static_cast<T>(row), *columns++ = static_cast<T>(column);
  }
}
constexpr Kernel kTriangle = program::host_kernel(
    "triangle_indices", "w",
    program::routines_for<int64_t, int32_t>(write_places<int64_t>, write_places<int32_t>));

Tensor triangle_indices(const char* op, int64_t rows, int64_t columns, int64_t offset,
                        std::optional<DType> dtype, bool lower) {
  if (rows < 0 || columns < 0)
    fail(ErrorKind::runtime, op, "sizes of at least 0",
         join(rows, " rows and ", columns, " columns"));
  const DType type = dtype.value_or(DType::int64);
  if (type != DType::int64 && type != DType::int32)
    fail(ErrorKind::runtime, op, "dtype int64 or int32", name(type));
  steep::count({rows, columns});
  // Beyond these, nothing changes any more.
  Triangle of{rows, columns, std::clamp(offset, -rows, columns), 0, lower};
  for (int64_t row = 0; row < rows; ++row) {
    const auto [first, end] = kept_of_row(of, row);
    of.count += end - first;
  }
  const Tensor out = empty({2, of.count}, type);
  program::launch(kTriangle, type, {out}, of);
  return out;
}
Tensor tril_indices(int64_t row, int64_t col, int64_t offset, std::optional<DType> dtype) {
  return triangle_indices("tril_indices", row, col, offset, dtype, true);
}
Tensor triu_indices(int64_t row, int64_t col, int64_t offset, std::optional<DType> dtype) {
  return triangle_indices("triu_indices", row, col, offset, dtype, false);
}

void register_products(Registry& registry) {
  registry.add<&meshgrid>(
      "meshgrid", kFunction,
      "(*tensors: Tensor, indexing: str | None = None) -> tuple[Tensor, ...]",
      R"(The coordinates of a grid: views in which each vector runs along a dimension of its own.

indexing: 'ij' (the default), or 'xy', which exchanges the first two dimensions. Raises RuntimeError
for more than one dimension, differing dtypes and another indexing.

>>> steep.meshgrid(steep.tensor([1, 2]), steep.tensor([3, 4]))[1]
tensor([[3, 4],
        [3, 4]])
)");
  registry.add<&cartesian_prod>("cartesian_prod", kFunction, "(*tensors: Tensor) -> Tensor",
                                R"(All ways of taking one element of each vector, a row each.

Shape: (product of the sizes, number of vectors); of one vector, the vector. Raises RuntimeError for
other than vectors.

>>> steep.cartesian_prod(steep.tensor([1, 2]), steep.tensor([3, 4]))
tensor([[1, 3],
        [1, 4],
        [2, 3],
        [2, 4]])
)");
  registry.add<&combinations>(
      "combinations", kFunction,
      "(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor",
      R"(All ways of taking r elements of a vector in their order, a row each.

With with_replacement, an element may be taken again. Raises RuntimeError for other than a vector.

>>> steep.combinations(steep.tensor([1, 2, 3]))
tensor([[1, 2],
        [1, 3],
        [2, 3]])
)");
  registry.add<&kron>(
      "kron", kBoth | kOut, "(input: Tensor, other: Tensor) -> Tensor",
      R"(The Kronecker product: other, as often as input has elements, times each of them.

Shape: sizes multiply; the one of fewer dimensions gets sizes of 1 in front. Dtypes promote.

>>> steep.kron(steep.tensor([1, 10]), steep.tensor([1, 2]))
tensor([ 1,  2, 10, 20])
)");
  registry.add<&block_diag>("block_diag", kFunction, "(*tensors: Tensor) -> Tensor",
                            R"(Matrices along the diagonal of a larger one, zeros elsewhere.

Vectors and 0-d tensors are taken as rows. Raises RuntimeError for more than two dimensions.

>>> steep.block_diag(steep.tensor([[1, 2]]), steep.tensor(3))
tensor([[1, 2, 0],
        [0, 0, 3]])
)");
}

void register_places(Registry& registry) {
  static constexpr const char* kSignature =
      "(row: int, col: int, offset: int = 0, *, dtype: dtype | None = None, device: str | None = "
      "None, layout: str | None = None) -> Tensor";
  registry.add<&tril_indices>("tril_indices", kFunction, kSignature,
                              R"(The rows and columns of the elements that tril keeps of a matrix.

Shape: (2, count), int64 or int32. Raises RuntimeError for negative sizes and other dtypes.

>>> steep.tril_indices(2, 2)
tensor([[0, 1, 1],
        [0, 0, 1]])
)");
  registry.add<&triu_indices>("triu_indices", kFunction, kSignature,
                              R"(The rows and columns of the elements that triu keeps of a matrix.

Shape: (2, count), int64 or int32. Raises RuntimeError for negative sizes and other dtypes.

>>> steep.triu_indices(2, 2)
tensor([[0, 0, 1],
        [0, 1, 1]])
)");
}

void register_grids(Registry& registry) {
  register_products(registry);
  register_places(registry);
}

const Registration registered("shape", register_grids);

}  // namespace

}  // namespace steep::ops
