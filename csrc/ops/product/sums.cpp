// Products that are added to a tensor or summed over a batch, and products of vectors.
#include "ops/elementwise/elementwise.h"
#include "ops/product/matmul.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

void need_dims(const char* op, const Tensor& x, int rank, const char* which) {
  if (x.dim() != rank)
    fail(ErrorKind::runtime, op, join("a ", rank, "-d tensor for ", which), to_string(x.shape()));
}

void same_type(const char* op, const Tensor& x, const Tensor& other) {
  if (x.dtype() != other.dtype())
    fail(ErrorKind::runtime, op, "tensors of the same dtype",
         join(name(x.dtype()), " and ", name(other.dtype())), "convert one with .to(dtype)");
}

void need_equal(const char* op, int64_t a, int64_t b, const Tensor& x, const Tensor& other) {
  if (a != b)
    fail(ErrorKind::runtime, op, "shapes whose inner sizes agree",
         join(to_string(x.shape()), " and ", to_string(other.shape())));
}

Tensor addmv(const Tensor& x, const Tensor& mat, const Tensor& vec, const Number& beta,
             const Number& alpha) {
  need_dims("addmv", mat, 2, "mat");
  need_dims("addmv", vec, 1, "vec");
  same_type("addmv", x, mat);
  same_type("addmv", mat, vec);
  need_equal("addmv", mat.size(1), vec.size(0), mat, vec);
  return add_product("addmv", x, matmul(mat, vec), beta, alpha);
}

Tensor addr(const Tensor& x, const Tensor& vec1, const Tensor& vec2, const Number& beta,
            const Number& alpha) {
  need_dims("addr", vec1, 1, "vec1");
  need_dims("addr", vec2, 1, "vec2");
  const DType type = result_type({vec1, {}}, {vec2, {}});
  if (type == DType::boolean && x.dtype() == type) {  // or and and
    const Tensor sums =
        addr(to(x, DType::int64), to(vec1, DType::int64), to(vec2, DType::int64),
             static_cast<int64_t>(beta.to_bool()), static_cast<int64_t>(alpha.to_bool()));
    return to(sums, type);
  }
  return add_product("addr", to(x, result_type({x, {}}, {full({1}, 0, type), {}})),
                     mul(unsqueeze(to(vec1, type), 1), vec2), beta, alpha);
}

void check_batches(const char* op, const Tensor& x, const Tensor& a, const Tensor& b) {
  need_dims(op, a, 3, "batch1");
  need_dims(op, b, 3, "batch2");
  same_type(op, x, a);
  same_type(op, a, b);
  if (a.size(0) != b.size(0))
    fail(ErrorKind::runtime, op, "batches of one size", join(a.size(0), " and ", b.size(0)));
  need_equal(op, a.size(2), b.size(1), a, b);
}

Tensor baddbmm(const Tensor& x, const Tensor& batch1, const Tensor& batch2, const Number& beta,
               const Number& alpha) {
  check_batches("baddbmm", x, batch1, batch2);
  return add_product("baddbmm", x, matmul(batch1, batch2), beta, alpha);
}

// The sum over the batch is one product of longer matrices.
Tensor addbmm(const Tensor& x, const Tensor& batch1, const Tensor& batch2, const Number& beta,
              const Number& alpha) {
  check_batches("addbmm", x, batch1, batch2);
  const int64_t batch = batch1.size(0), inner = batch1.size(2);
  const Tensor left = reshape(permute(batch1, {1, 0, 2}), {batch1.size(1), batch * inner});
  const Tensor right = reshape(batch2, {batch * inner, batch2.size(2)});
  return add_product("addbmm", x, matmul(left, right), beta, alpha);
}

Tensor vdot(const Tensor& x, const Tensor& other) {
  need_dims("vdot", x, 1, "input");
  need_dims("vdot", other, 1, "other");
  same_type("vdot", x, other);
  need_equal("vdot", x.numel(), other.numel(), x, other);
  return matmul(x, other);
}

Tensor inner(const Tensor& x, const Tensor& other) {
  same_type("inner", x, other);
  if (x.dim() == 0 || other.dim() == 0) return mul(x, other);
  const int64_t n = x.size(x.dim() - 1);
  need_equal("inner", n, other.size(other.dim() - 1), x, other);
  Dims shape(x.shape().begin(), x.shape().end() - 1);
  for (int d = 0; d + 1 < other.dim(); ++d) shape.push_back(other.size(d));
  const int64_t rows = x.dim() > 1 && n > 0
                           ? x.numel() / n
                           : steep::count(Dims(x.shape().begin(), x.shape().end() - 1));
  const int64_t columns = steep::count(Dims(other.shape().begin(), other.shape().end() - 1));
  return reshape(matmul(reshape(x, {rows, n}), transpose(reshape(other, {columns, n}), 0, 1)),
                 shape);
}

// x cross other, of the two tensors' dimension of size 3.
Tensor cross_along(const char* op, const Tensor& x, const Tensor& other, int64_t dim) {
  const Dims shape = broadcast_shapes(op, x.shape(), other.shape());
  const int at = wrap_dim(op, dim, shape.size());
  if (x.dim() != other.dim() || shape.empty() || x.size(at) != 3 || other.size(at) != 3)
    fail(ErrorKind::runtime, op,
         join("tensors of as many dimensions, and of size 3 in dimension ", at),
         join(to_string(x.shape()), " and ", to_string(other.shape())));
  const Tensor a = expand(x, shape), b = expand(other, shape);
  const auto part = [at](const Tensor& of, int64_t i) { return narrow(of, at, i, 1); };
  Tensors parts;
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t j = (i + 1) % 3, k = (i + 2) % 3;
    parts.push_back(sub(mul(part(a, j), part(b, k)), mul(part(a, k), part(b, j))));
  }
  return cat(parts, at);
}

Tensor cross(const Tensor& x, const Tensor& other, std::optional<int64_t> dim) {
  if (dim) return cross_along("cross", x, other, *dim);
  for (int d = 0; d < x.dim(); ++d)
    if (x.size(d) == 3) return cross_along("cross", x, other, d);
  fail(ErrorKind::runtime, "cross", "a dimension of size 3", to_string(x.shape()));
}

Tensor chain_matmul(const Tensors& matrices) {
  if (matrices.empty()) fail(ErrorKind::runtime, "chain_matmul", "at least one matrix", "none");
  Tensor out = matrices[0];
  for (const Tensor& x : matrices) need_dims("chain_matmul", x, 2, "each matrix");
  // From whichever end is the smaller: a vector in disguise makes every product cheap.
  const int n = matrices.size();
  if (matrices[0].size(0) <= matrices[n - 1].size(1)) {
    for (int i = 1; i < n; ++i) out = matmul(out, matrices[i]);
    return out;
  }
  out = matrices[n - 1];
  for (int i = n - 2; i >= 0; --i) out = matmul(matrices[i], out);
  return out;
}

constexpr const char* kBatches =
    "(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> "
    "Tensor";

void register_added(Registry& registry) {
  static constexpr const char* kMatrix =
      "(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor";
  registry.add<&addmv>("addmv", kBoth | kOut, kMatrix,
                       R"(beta * input + alpha * (mat @ vec).

Shape: (N, M) and (M) to (N), to which input broadcasts. With beta 0, input is left out, nan and all.
Raises RuntimeError when shapes or dtypes do not fit.

>>> steep.addmv(steep.ones(2), steep.eye(2), steep.tensor([1.0, 2.0]))
tensor([2., 3.])
)");
  registry.add_inplace<&addmv>("addmv_", kMatrix, "In-place form of addmv.", "addmv");
  static constexpr const char* kVectors =
      "(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> "
      "Tensor";
  registry.add<&addr>("addr", kBoth | kOut, kVectors,
                      R"(beta * input + alpha * the outer product of two vectors.

Shape: (N) and (M) to (N, M), to which input broadcasts. Raises RuntimeError when shapes do not fit.

>>> steep.addr(steep.zeros(2, 2), steep.tensor([1.0, 2.0]), steep.tensor([3.0, 4.0]))
tensor([[3., 4.],
        [6., 8.]])
)");
  registry.add_inplace<&addr>("addr_", kVectors, "In-place form of addr.", "addr");
  registry.add<&baddbmm>("baddbmm", kBoth | kOut, kBatches,
                         R"(beta * input + alpha * (batch1 @ batch2), for each matrix of a batch.

Shape: (B, N, M) and (B, M, P) to (B, N, P), to which input broadcasts. With beta 0, input is left
out, nan and all. Raises RuntimeError when shapes or dtypes do not fit.

>>> steep.baddbmm(steep.ones(1, 1), steep.ones(1, 1, 2), steep.ones(1, 2, 1))
tensor([[[3.]]])
)");
  registry.add_inplace<&baddbmm>("baddbmm_", kBatches, "In-place form of baddbmm.", "baddbmm");
  registry.add<&addbmm>("addbmm", kBoth | kOut, kBatches,
                        R"(beta * input + alpha * the sum of batch1 @ batch2 over the batch.

Shape: (B, N, M) and (B, M, P) to (N, P), to which input broadcasts. With beta 0, input is left out,
nan and all. Raises RuntimeError when shapes or dtypes do not fit.

>>> steep.addbmm(steep.zeros(1, 1), steep.ones(3, 1, 2), steep.ones(3, 2, 1))
tensor([[6.]])
)");
  registry.add_inplace<&addbmm>("addbmm_", kBatches, "In-place form of addbmm.", "addbmm");
}

void register_vectors(Registry& registry) {
  registry.add<&vdot>("vdot", kBoth | kOut, "(input: Tensor, other: Tensor) -> Tensor",
                      R"(Scalar product of two vectors.

Raises RuntimeError when they are no vectors, or differ in length or dtype.

>>> steep.vdot(steep.tensor([1.0, 2.0]), steep.tensor([3.0, 4.0]))
tensor(11.)
)");
  registry.add<&inner>("inner", kBoth | kOut, "(input: Tensor, other: Tensor) -> Tensor",
                       R"(Scalar products along the last dimensions; of a 0-d tensor, its multiple.

Shape: the other dimensions of input, then those of other. Raises RuntimeError when the last sizes or
the dtypes differ.

>>> steep.inner(steep.tensor([[1.0, 2.0], [0.0, 1.0]]), steep.tensor([3.0, 4.0]))
tensor([11.,  4.])
)");
  registry.add<&cross>(
      "cross", kBoth | kOutApart,
      "(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor",
      R"(Cross products of vectors along a dimension of size 3: the first such, unless said.

Shapes broadcast. Raises RuntimeError when dim is not of size 3, IndexError where it does not exist.

>>> steep.cross(steep.tensor([1.0, 0.0, 0.0]), steep.tensor([0.0, 1.0, 0.0]))
tensor([0., 0., 1.])
)");
  registry.add<&chain_matmul>(
      "chain_matmul", kFunction, "(*matrices: Tensor) -> Tensor",
      R"(The product of several matrices, from the end at which it is cheaper.

Raises RuntimeError for other than matrices, and when inner sizes differ.

>>> steep.chain_matmul(steep.eye(2), steep.ones(2, 1))
tensor([[1.],
        [1.]])
)");
}

void register_sums(Registry& registry) {
  register_added(registry);
  register_vectors(registry);
}

const Registration registered("product", register_sums);

}  // namespace

}  // namespace steep::ops
