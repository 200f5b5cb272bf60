// The nuclear norm: the sum of a matrix's singular values. The factorisation is LAPACK's, by way of
// the host, and so are its last bits.
#include "ops/product/nuclear.h"

#include "ops/elementwise/elementwise.h"
#include "ops/host.h"
#include "ops/reduce/reduce.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"

namespace steep::ops {

Host host;

namespace {

Tensor transposed(const Tensor& x) { return transpose(x, -2, -1); }

// x without what lies in the space of p's columns, which are orthonormal.
Tensor outside(const Tensor& p, const Tensor& x) {
  return sub(x, matmul(p, matmul(transposed(p), x)));
}

// 1 / x, and 0 where x is no more than the rounding of the largest singular value.
Tensor inverse(const Tensor& x, const Tensor& largest) {
  const double rounding = 64 * epsilon(x.dtype());
  return where(gt({x, {}}, {mul(largest, Number(rounding)), {}}), reciprocal(x), Number(0.0));
}

// How u vh moves when the matrix moves by `step`. The map is its own adjoint, so that it brings
// gradients back as well.
Tensor turned(const Svd& of, const Tensor& step) {
  const Tensor v = transposed(of.vh), largest = unsqueeze(select(of.s, -1, 0), -1);
  const Tensor sums = add(unsqueeze(of.s, -1), unsqueeze(of.s, -2));
  const Tensor inner = matmul(matmul(transposed(of.u), step), v);
  const Tensor within = mul(sub(inner, transposed(inner)), inverse(sums, unsqueeze(largest, -1)));
  const Tensor scale = inverse(of.s, largest);
  const Tensor left = mul(outside(of.u, matmul(step, v)), unsqueeze(scale, -2));
  const Tensor right =
      mul(transposed(outside(v, matmul(transposed(step), of.u))), unsqueeze(scale, -1));
  return add(matmul(add(matmul(of.u, within), left), of.vh), matmul(of.u, right));
}

struct SavedSvd {
  explicit SavedSvd(const Svd& of) : u(of.u), s(of.s), vh(of.vh) {}
  Svd get() const { return {u.get(), s.get(), vh.get()}; }
  Saved u, s, vh;
};

// u vh, the norm's gradient, of those singular values that are not zero.
Tensor slope(const Tensor& x, const Svd& of) {
  Tensor out;
  {
    const tape::GradMode off(false);
    const Tensor largest = unsqueeze(select(of.s, -1, 0), -1);
    const Tensor present = ne({inverse(of.s, largest), {}}, {{}, 0});
    out = matmul(mul(of.u, unsqueeze(to(present, x.dtype()), -2)), of.vh);
  }
  if (wanted(x)) {
    record("norm_backward", out, {x}, [svd = SavedSvd(of)](const Tensor& grad, Grads& grads) {
      if (tape::grad_enabled() && wanted(grad))
        fail(ErrorKind::not_implemented, "norm", "at most second derivatives of 'nuc'",
             "a third one", "call backward without create_graph");
      grads[0] = turned(svd.get(), grad);
    });
  }
  return out;
}

// Over the last two dimensions.
Tensor nuclear(const Tensor& x) {
  const Dims both{-2, -1};
  if (x.numel() == 0) return sum(x, both, false, std::nullopt);
  program::refuse_recording(
      "it computes in NumPy (norm('nuc')), which a replay would not do; do that outside the "
      "function");
  Svd of;
  Tensor out;
  {
    const tape::GradMode off(false);
    if (item(any(ne({mul(x, Number(0)), {}}, {{}, 0}), std::nullopt, false)).to_bool())
      fail(ErrorKind::runtime, "norm", "finite numbers for 'nuc'", "infinity or nan");
    of = host.svd(x);
    out = sum(of.s, Dims{-1}, false, std::nullopt);
  }
  if (wanted(x)) {
    record("norm", out, {x}, [x = Saved(x), svd = SavedSvd(of)](const Tensor& grad, Grads& grads) {
      grads[0] = mul(unsqueeze(unsqueeze(grad, -1), -1), slope(x.get(), svd.get()));
    });
  }
  return out;
}

// The two dimensions of the matrices, from the front.
Dims matrix_dims(const Tensor& x, const std::optional<Dims>& dim) {
  Dims given = dim.value_or(Dims());
  if (!dim)
    for (int d = 0; d < x.dim(); ++d) given.push_back(d);
  if (given.size() != 2)
    fail(ErrorKind::runtime, "norm", "two dimensions for 'nuc'",
         join(dim ? "dim " : "an input of shape ", to_string(dim ? *dim : x.shape())),
         "name the two of the matrix, as in dim=(-2, -1)");
  return wrap_dims("norm", given, x.dim());
}

}  // namespace

Tensor nuclear_norm(const Tensor& input, const std::optional<Dims>& dim, bool keepdim,
                    std::optional<DType> dtype) {
  const Tensor x = norm_operand(input, dtype);
  const Dims matrix = matrix_dims(x, dim);
  Dims order;
  for (int d = 0; d < x.dim(); ++d)
    if (d != matrix[0] && d != matrix[1]) order.push_back(d);
  for (int64_t d : matrix) order.push_back(d);
  const Tensor out = nuclear(permute(x, order));
  if (!keepdim) return out;
  Dims kept = x.shape();
  for (int64_t d : matrix) kept[static_cast<int>(d)] = 1;
  return reshape(out, kept);
}

}  // namespace steep::ops
