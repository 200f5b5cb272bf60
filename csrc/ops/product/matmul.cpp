// Matrix products on the own kernel, in all rank cases of PyTorch's matmul.
#include "ops/product/matmul.h"

#include <cmath>

#include "ops/elementwise/elementwise.h"
#include "ops/host.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

// One operand as the kernel wants it: rows or columns contiguous.
struct Matrix {
  Tensor x;      // [rows, columns] or [batch, rows, columns]
  int64_t lead;  // distance of rows, or of columns where transposed
  int64_t batch_stride;
  bool transposed;
};

Matrix matrix_of(const Tensor& x) {
  const int rows = x.dim() - 2, columns = x.dim() - 1;
  const Dims& strides = x.strides();
  const int64_t batch = x.dim() == 3 && x.size(0) > 1 ? strides[0] : 0;
  // Without elements any strides will do, and none need to fit the conditions below.
  if (x.numel() == 0) return {x, std::max<int64_t>(x.size(columns), 1), 0, false};
  if ((strides[columns] == 1 || x.size(columns) == 1) &&
      (strides[rows] >= x.size(columns) || x.size(rows) == 1))
    return {x, std::max(strides[rows], x.size(columns)), batch, false};
  if ((strides[rows] == 1 || x.size(rows) == 1) &&
      (strides[columns] >= x.size(rows) || x.size(columns) == 1))
    return {x, std::max(strides[columns], x.size(rows)), batch, true};
  return matrix_of(contiguous(x));
}

}  // namespace

void launch_product(const Kernel& kernel, const Tensor& out, const ProductOperands& of) {
  const Matrix left = matrix_of(of.a), right = matrix_of(of.b);
  const int last = of.a.dim() - 1;
  const bool stacked = of.a.dim() == 3;
  const int64_t m = of.a.size(last - 1), k = of.a.size(last), n = of.b.size(last);
  kernels::Gemm gemm{stacked ? of.a.size(0) : 1, m, n, k};
  gemm.lda = left.lead, gemm.ldb = right.lead, gemm.ldc = m > 1 ? out.strides()[last - 1] : n;
  gemm.a_stride = left.batch_stride, gemm.b_stride = right.batch_stride;
  gemm.c_stride = stacked ? out.strides()[0] : m * n;
  gemm.trans_a = left.transposed, gemm.trans_b = right.transposed;
  gemm.activation = of.activation, gemm.accumulate = of.accumulate;
  gemm.aux_row = n, gemm.aux_stride = m * n;
  program::launch(kernel, of.a.dtype(), {out, left.x, right.x, of.bias, of.aux}, gemm);
}

Tensor product(const Tensor& a, const Tensor& b, const Tensor& bias, Activation activation,
               const Tensor& aux) {
  const tape::GradMode off(false);
  if (a.dtype() == DType::uint8) {  // modulo 256 in the end, whatever the sums come to
    const auto wide = [](const Tensor& x) { return x.defined() ? to(x, DType::int64) : x; };
    return to(product(wide(a), wide(b), wide(bias), activation, wide(aux)), DType::uint8);
  }
  Dims shape = a.shape();
  shape.back() = b.size(b.dim() - 1);
  const Tensor out = empty(shape, a.dtype());
  launch_product(kernels::kGemm, out, {a, b, bias, activation, aux});
  return out;
}

namespace {

void check_product(const char* op, const Tensor& x, const Tensor& other) {
  if (x.dtype() != other.dtype()) {
    fail(ErrorKind::runtime, op, "both tensors to have the same dtype",
         join(name(x.dtype()), " and ", name(other.dtype())),
         "convert one of them with .to(dtype)");
  }
  const int64_t k = x.size(x.dim() - 1), rows = other.size(other.dim() - 2);
  if (k != rows) {
    throw Error(ErrorKind::runtime,
                join(op, ": mat1 and mat2 shapes cannot be multiplied (", to_string(x.shape()),
                     " and ", to_string(other.shape()), "): the last size of the first (", k,
                     ") must equal the last but one of the second (", rows, ")"));
  }
}

Tensor mT(const Tensor& x) { return transpose(x, -2, -1); }

// Two matrices.
Tensor product_2d(const Tensor& x, const Tensor& other) {
  check_product("matmul", x, other);
  Tensor out = product(x, other);
  if (wanted(x, other)) {
    record("matmul", out, {x, other},
           [x = Saved(x, tape::requires_grad(other)), other = Saved(other, tape::requires_grad(x))](
               const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = matmul(grad, t(other.get()));
             if (grads.wanted(1)) grads[1] = matmul(t(x.get()), grad);
           });
  }
  return out;
}

Dims leading(const Tensor& x) { return Dims(x.shape().begin(), x.shape().end() - 2); }

// x with its batch dimensions expanded to `batch` and merged into one.
Tensor merged(const Tensor& x, const Dims& batch) {
  Dims shape = batch;
  shape.push_back(x.size(x.dim() - 2));
  shape.push_back(x.size(x.dim() - 1));
  return reshape(expand(x, shape), {count(batch), shape[shape.size() - 2], shape.back()});
}

// Stacks of matrices, batch dimensions broadcast.
Tensor product_batched(const Tensor& x, const Tensor& other) {
  check_product("matmul", x, other);
  const Dims batch = broadcast_shapes("matmul", leading(x), leading(other));
  Dims shape = batch;
  shape.push_back(x.size(x.dim() - 2));
  shape.push_back(other.size(other.dim() - 1));
  Tensor out;
  {
    const tape::GradMode off(false);
    out = reshape(product(merged(x, batch), merged(other, batch)), shape);
    out = alias(out);  // a result of its own, not a view of the merged one
  }
  if (wanted(x, other)) {
    record("matmul", out, {x, other},
           [x = Saved(x, tape::requires_grad(other)), other = Saved(other, tape::requires_grad(x))](
               const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = matmul(grad, mT(other.get()));
             if (grads.wanted(1)) grads[1] = matmul(mT(x.get()), grad);
           });
  }
  return out;
}

}  // namespace

Tensor matmul(const Tensor& x, const Tensor& other) {
  if (x.dim() == 0 || other.dim() == 0)
    fail(ErrorKind::runtime, "matmul", "both arguments to be at least 1D",
         join(x.dim(), "D and ", other.dim(), "D"), "use * for scalars");
  if (x.dim() == 1 && other.dim() == 1) {
    if (x.size(0) != other.size(0))
      fail(ErrorKind::runtime, "matmul", "1D tensors of one size (inconsistent tensor size)",
           join(x.size(0), " and ", other.size(0)));
    return tape::shown_as("dot", reshape(product_2d(unsqueeze(x, 0), unsqueeze(other, 1)), {}));
  }
  if (x.dim() == 1) return squeeze(matmul(unsqueeze(x, 0), other), Dims{-2});
  if (other.dim() == 1)
    return tape::shown_as("mv", squeeze(matmul(x, unsqueeze(other, 1)), Dims{-1}));
  if (x.dim() == 2 && other.dim() == 2) return product_2d(x, other);
  if (other.dim() == 2 && x.is_contiguous() && x.numel() > 0) {
    // One matrix on the right: the batch is more rows.
    check_product("matmul", x, other);
    Dims shape = x.shape();
    shape.back() = other.size(1);
    return reshape(product_2d(reshape(x, {-1, x.size(x.dim() - 1)}), other), shape);
  }
  return tape::shown_as("unsafe_view", product_batched(x, other));
}

namespace {

void need_rank(const char* op, const Tensor& x, int rank, const char* which) {
  if (x.dim() != rank)
    fail(ErrorKind::runtime, op, join(which, " must be a ", rank, "D tensor"),
         join(x.dim(), "D of shape ", to_string(x.shape())), "use matmul for other ranks");
}

Tensor mm(const Tensor& x, const Tensor& mat2) {
  need_rank("mm", x, 2, "self");
  need_rank("mm", mat2, 2, "mat2");
  return matmul(x, mat2);
}
Tensor bmm(const Tensor& x, const Tensor& mat2) {
  need_rank("bmm", x, 3, "self");
  need_rank("bmm", mat2, 3, "mat2");
  if (x.size(0) != mat2.size(0))
    fail(ErrorKind::runtime, "bmm", "batches of one size", join(x.size(0), " and ", mat2.size(0)));
  return matmul(x, mat2);
}
Tensor mv(const Tensor& x, const Tensor& vec) {
  need_rank("mv", x, 2, "self");
  need_rank("mv", vec, 1, "vec");
  return matmul(x, vec);
}
Tensor dot(const Tensor& x, const Tensor& tensor) {
  need_rank("dot", x, 1, "self");
  need_rank("dot", tensor, 1, "tensor");
  if (x.dtype() != tensor.dtype())
    fail(ErrorKind::runtime, "dot", "two vectors of one dtype",
         join(name(x.dtype()), " and ", name(tensor.dtype())), "convert one with .to(dtype)");
  if (x.numel() != tensor.numel())
    fail(ErrorKind::runtime, "dot", "two vectors of as many elements",
         join(x.numel(), " and ", tensor.numel()));
  return matmul(x, tensor);
}
Tensor outer(const Tensor& x, const Tensor& vec2) {
  need_rank("outer", x, 1, "self");
  need_rank("outer", vec2, 1, "vec2");
  return mul(unsqueeze(x, 1), vec2);
}
// out, to which x is added 0 times: in the graph alone, for a nan in x has no part in the sum.
void add_none_of(const Tensor& x, const Tensor& out) {
  if (!wanted(x)) return;
  record("addmm", out, {x, out}, [](const Tensor& grad, Grads& grads) {
    if (grads.wanted(0)) grads[0] = full(grad.shape(), 0, grad.dtype());
    if (grads.wanted(1)) grads[1] = grad;
  });
}

// Of a factor of integers the fraction is cut off, as in PyTorch, but not in silence; floats that
// their dtype cannot hold are refused.
Number factor_of(const char* op, const char* name, const Number& number, DType type) {
  if (is_floating(type)) check_fits(op, number, type);
  if (is_floating(type) || !number.is_floating()) return number;
  const double value = number.to_double(), whole = std::trunc(value);
  if (!std::isfinite(value))
    fail(ErrorKind::runtime, op, join("a whole number for ", name, " of integer tensors"),
         join(value), "convert the tensors with .float()");
  if (value != whole)
    host.warn(join(op, ": expected a whole number for ", name, " of integer tensors, got ", value,
                   ", which counts as ", whole, "; convert the tensors with .float()"));
  return Number(whole).as_element(type);
}

}  // namespace

Tensor add_product(const char* op, const Tensor& x, const Tensor& product, const Number& beta,
                   const Number& alpha) {
  const Number of_product = factor_of(op, "alpha", alpha, product.dtype()),
               of_input = factor_of(op, "beta", beta, product.dtype());
  if (!broadcasts_to(x.shape(), product.shape()))
    fail(ErrorKind::runtime, op, join("an input that broadcasts to ", to_string(product.shape())),
         to_string(x.shape()));
  const Tensor scaled = of_product.to_double() != 1 ? mul(product, of_product) : product;
  if (of_input.to_double() == 0) {
    add_none_of(x, scaled);
    return scaled;
  }
  return add(of_input.to_double() == 1 ? x : mul(x, of_input), scaled);
}

namespace {

Tensor addmm(const Tensor& x, const Tensor& mat1, const Tensor& mat2, const Number& beta,
             const Number& alpha) {
  need_rank("addmm", mat1, 2, "mat1");
  need_rank("addmm", mat2, 2, "mat2");
  if (x.dtype() != mat1.dtype())
    fail(ErrorKind::runtime, "addmm", "input and the matrices to have the same dtype",
         join(name(x.dtype()), " and ", name(mat1.dtype())), "convert one with .to(dtype)");
  return add_product("addmm", x, matmul(mat1, mat2), beta, alpha);
}
Tensor addmm_(const Tensor& x, const Tensor& mat1, const Tensor& mat2, const Number& beta,
              const Number& alpha) {
  for (const Number* factor : {&beta, &alpha})
    if (is_floating(x.dtype())) check_fits("addmm_", *factor, x.dtype());
  return assign("addmm_", x, addmm(x, mat1, mat2, beta, alpha));
}

void register_matmul(Registry& registry) {
  static constexpr const char* kProduct =
      R"(Matrix product of two tensors, in the rank cases of PyTorch's matmul.

1-D times 1-D is the dot product; a 1-D operand is taken as a row (left) or a column (right) and its dimension dropped
again; dimensions before the last two broadcast. Shapes: (..., m, k) and (..., k, n) give (..., m, n). Raises
RuntimeError when the inner sizes or the dtypes differ.

>>> steep.matmul(steep.tensor([[1.0, 2.0]]), steep.tensor([[3.0], [4.0]]))
tensor([[11.]])
)";
  registry.add<&matmul>("matmul", kBoth | kOut, "(input: Tensor, other: Tensor) -> Tensor",
                        kProduct);
  registry.add<&mm>("mm", kBoth | kOut, "(input: Tensor, mat2: Tensor) -> Tensor",
                    R"(Product of two matrices, (m, k) and (k, n); see matmul.

Raises RuntimeError for other ranks, inner sizes that differ and dtypes that differ.

>>> steep.mm(steep.eye(2), steep.ones(2, 1))
tensor([[1.],
        [1.]])
)",
                    "matmul");
  registry.add<&bmm>("bmm", kBoth | kOut, "(input: Tensor, mat2: Tensor) -> Tensor",
                     R"(Products of two stacks of matrices, (b, m, k) and (b, k, n).

Raises RuntimeError for other ranks, batches or inner sizes that differ and dtypes that differ.

>>> steep.bmm(steep.ones(2, 1, 3), steep.ones(2, 3, 1)).shape
steep.Size([2, 1, 1])
)",
                     "matmul");
  registry.add<&mv>("mv", kBoth | kOut, "(input: Tensor, vec: Tensor) -> Tensor",
                    R"(Product of a matrix (m, k) and a vector (k,).

Raises RuntimeError for other ranks, sizes that differ and dtypes that differ.

>>> steep.mv(steep.eye(2), steep.tensor([3.0, 4.0]))
tensor([3., 4.])
)",
                    "matmul");
  registry.add<&dot>("dot", kBoth | kOut, "(input: Tensor, tensor: Tensor) -> Tensor",
                     R"(Dot product of two vectors of one size.

Raises RuntimeError for other ranks, sizes that differ and dtypes that differ.

>>> steep.dot(steep.tensor([1.0, 2.0]), steep.tensor([3.0, 4.0]))
tensor(11.)
)",
                     "matmul");
  registry.add<&outer>("outer", kBoth | kOut, "(input: Tensor, vec2: Tensor) -> Tensor",
                       R"(Outer product of two vectors: out[i, j] = input[i] * vec2[j].

Raises RuntimeError for other ranks.

>>> steep.outer(steep.tensor([1, 2]), steep.tensor([3, 4]))
tensor([[3, 4],
        [6, 8]])
)");
  registry.add<&addmm>("addmm", kBoth | kOut,
                       "(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: "
                       "Number = 1) -> Tensor",
                       R"(out = beta * input + alpha * (mat1 @ mat2), input broadcast.

With beta 0, nan in input has no part in it. Raises RuntimeError for shapes and dtypes that do not
fit, and for a beta or alpha that the dtype cannot hold. Of a fraction beside integers the whole
part counts, with a warning.

>>> steep.addmm(steep.ones(2), steep.eye(2), steep.eye(2))
tensor([[2., 1.],
        [1., 2.]])
)");
  registry.add<&addmm_>("addmm_", kMethod,
                        "(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: "
                        "Number = 1) -> Tensor",
                        "In-place form of addmm.", "addmm");
  registry.add<&outer>("ger", kBoth | kOut, "(input: Tensor, vec2: Tensor) -> Tensor",
                       "Another name of outer.", "outer");
}

const Registration registered("product", register_matmul);

}  // namespace

}  // namespace steep::ops
