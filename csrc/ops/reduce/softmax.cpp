// Softmax and its logarithm along one dimension.
#include "ops/reduce/softmax.h"

#include "kernels/reduce/softmax.h"
#include "ops/host.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

// The input in its compute type, row-major.
Tensor prepared(const char* op, const Tensor& x, std::optional<DType> dtype) {
  const Tensor typed = dtype ? to(x, *dtype) : x;
  if (!is_floating(typed.dtype())) {
    fail(ErrorKind::not_implemented, op, "a floating-point tensor", name(typed.dtype()),
         "convert with .float(), or pass dtype=steep.float32");
  }
  return contiguous(typed);
}

Tensor run(const Kernel& kernel, const Tensor& x, const Extent& extent) {
  const Tensor out = empty(x.shape(), x.dtype());
  if (out.numel() > 0) program::launch(kernel, x.dtype(), {out, x}, extent);
  return out;
}

Tensor run_backward(const Kernel& kernel, const Tensor& grad, const Tensor& out,
                    const Extent& extent) {
  const Tensor rows = contiguous(grad), grad_x = empty(out.shape(), out.dtype());
  if (out.numel() > 0) program::launch(kernel, out.dtype(), {grad_x, rows, out}, extent);
  return grad_x;
}

Extent extent_along(const Tensor& x, int dim) {
  Extent extent;
  for (int d = 0; d < x.dim(); ++d)
    (d < dim ? extent.outer : d > dim ? extent.inner : extent.n) *= x.size(d);
  return extent;
}

Tensor total(const Tensor& x, int dim) { return sum(x, Dims{dim}, true, std::nullopt); }

}  // namespace

Tensor softmax(const Tensor& input, int64_t along, std::optional<DType> dtype) {
  const int dim = wrap_dim("softmax", along, input.dim());
  const Tensor x = prepared("softmax", input, dtype);
  const Extent extent = extent_along(x, dim);
  const Tensor out = run(kernels::kSoftmax, x, extent);
  if (wanted(x)) {
    record("softmax", out, {x},
           [out = Saved::output(out), extent, dim](const Tensor& grad, Grads& grads) {
             const Tensor y = out.get();
             // Fused, unless this pass is itself to be differentiated.
             grads[0] = tape::grad_enabled()
                            ? mul(y, sub(grad, total(mul(grad, y), dim)))
                            : run_backward(kernels::kSoftmaxBackward, grad, y, extent);
           });
  }
  return out;
}

Tensor log_softmax(const Tensor& input, int64_t along, std::optional<DType> dtype) {
  const int dim = wrap_dim("log_softmax", along, input.dim());
  const Tensor x = prepared("log_softmax", input, dtype);
  const Extent extent = extent_along(x, dim);
  const Tensor out = run(kernels::kLogSoftmax, x, extent);
  if (wanted(x)) {
    record("log_softmax", out, {x},
           [out = Saved::output(out), extent, dim](const Tensor& grad, Grads& grads) {
             const Tensor y = out.get();
             grads[0] = tape::grad_enabled()
                            ? sub(grad, mul(exp(y), total(grad, dim)))
                            : run_backward(kernels::kLogSoftmaxBackward, grad, y, extent);
           });
  }
  return out;
}

namespace {

// The dimension that PyTorch took before it wanted one named.
int64_t implicit_dim(const char* op, const Tensor& x) {
  host.warn(join("Implicit dimension choice for ", op,
                 " has been deprecated. Change the call to include dim=X as an argument."));
  return x.dim() == 0 || x.dim() == 1 || x.dim() == 3 ? 0 : 1;
}

Tensor softmax_unnamed(const Tensor& x, const std::optional<int64_t>&, std::optional<DType> dtype) {
  return softmax(x, implicit_dim("softmax", x), dtype);
}
Tensor softmin(const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  return softmax(neg(x), dim, dtype);
}
Tensor softmin_unnamed(const Tensor& x, const std::optional<int64_t>&, std::optional<DType> dtype) {
  return softmin(x, implicit_dim("softmin", x), dtype);
}
Tensor log_softmax_unnamed(const Tensor& x, const std::optional<int64_t>&,
                           std::optional<DType> dtype) {
  return log_softmax(x, implicit_dim("log_softmax", x), dtype);
}

void register_softmax(Registry& registry) {
  static constexpr const char* kUnnamed =
      "(input: Tensor, dim: None = None, dtype: dtype | None = None) -> Tensor";
  registry.add<&softmax>(
      "softmax", kBoth | kFunctional | kOut,
      "(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor",
      R"(Exponentials along one dimension, divided by their sum: exp(x_i) / sum_j exp(x_j).

Each row is shifted by its maximum first, so nothing overflows. Shape: any, kept; dtype, where
given, is what the input is converted to. Without dim it is 0 or 1, by the number of dimensions, with
a warning. Raises IndexError for a dimension out of range and
NotImplementedError for an integer input.

>>> steep.softmax(steep.tensor([0.0, 0.0]), dim=0)
tensor([0.5000, 0.5000])
)");
  registry.add_module("softmax", "activation.Softmax",
                      R"(``exp(x) / sum(exp(x))`` along `dim`: positive, and summing to one.

Args:
    dim: the dimension that sums to one. Leaving it out picks 0 or 1 by the number of
        dimensions, with a warning, as PyTorch does.

Example:
    >>> import steep
    >>> steep.nn.Softmax(dim=1)(steep.zeros(1, 2)).tolist()
    [[0.5, 0.5]]
)",
                      "(dim: int | None = None) -> None");
  registry.add<&softmax_unnamed>("softmax", kFunction | kFunctional, kUnnamed,
                                 "See softmax(input, dim).");
  registry.add<&log_softmax>(
      "log_softmax", kBoth | kFunctional | kOut,
      "(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor",
      R"(Logarithm of the softmax along one dimension: x_i - log(sum_j exp(x_j)).

More accurate than log(softmax(x)). Shape: any, kept; dtype, where given, is what the input is
converted to. Without dim it is 0 or 1, by the number of dimensions, with a warning. Raises
IndexError for a dimension out of range and NotImplementedError for an integer input.

>>> steep.log_softmax(steep.tensor([0.0, 0.0]), dim=0)
tensor([-0.6931, -0.6931])
)");
  registry.add_module(
      "log_softmax", "activation.LogSoftmax",
      R"(``x - logsumexp(x)`` along `dim`: the logarithm of `Softmax`, computed safely.

Args:
    dim: the dimension along which the probabilities sum to one; see `Softmax`.

Example:
    >>> import steep
    >>> steep.nn.LogSoftmax(dim=0)(steep.zeros(1)).tolist()
    [0.0]
)",
      "(dim: int | None = None) -> None");
  registry.add<&log_softmax_unnamed>("log_softmax", kFunction | kFunctional, kUnnamed,
                                     "See log_softmax(input, dim).");
  registry.add<&softmin>("softmin", kFunctional,
                         "(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor",
                         R"(softmax of the negative along one dimension.

Shape and errors as for softmax.

>>> steep.nn.functional.softmin(steep.tensor([0.0, 0.0]), dim=0)
tensor([0.5000, 0.5000])
)");
  registry.add_module("softmin", "activation.Softmin", nullptr, "(dim: int | None = None) -> None");
  registry.add<&softmin_unnamed>("softmin", kFunctional, kUnnamed, "See softmin(input, dim).");
}

const Registration registered("activation", register_softmax);

}  // namespace

}  // namespace steep::ops
