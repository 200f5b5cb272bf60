// The squared error. Shapes that differ are refused: broadcasting them is a mistake that
// trains.
#include "kernels/loss/squared_error.h"
#include "ops/loss/loss.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

void check_pair(const char* op, const Tensor& x, const Tensor& target) {
  check_shapes(op, x, target);
  if (!is_floating(result_type({x, {}}, {target, {}}))) {
    fail(ErrorKind::not_implemented, op, "a floating-point input or target",
         join(name(x.dtype()), " and ", name(target.dtype())), "convert with .float() first");
  }
}

}  // namespace

LossPair promoted(const char* op, const Tensor& x, const Tensor& target) {
  check_pair(op, x, target);
  const DType type = result_type({x, {}}, {target, {}});
  return {to(x, type), to(target, type)};
}

namespace {

Tensor squared_error_slope(const Tensor& grad, const Tensor& x, const Tensor& target,
                           double factor) {
  const Tensor scale = mul(grad, Number(factor));
  if (tape::grad_enabled()) return mul(sub(x, target), scale);
  const Tensor out = output_for("mse_loss", {&x, &target}, x.dtype());
  program::launch(kernels::kSquaredErrorBackward, x.dtype(), {out, x, target, scale});
  return out;
}

Tensor fused_squared_error(const LossPair& pair, Reduce how) {
  const Tensor &x = pair.x, &target = pair.target;
  const Tensor loss = empty({}, x.dtype());
  const int64_t n = x.numel();
  {
    const tape::GradMode off(false);
    program::launch(kernels::kSquaredError, x.dtype(), {loss, contiguous(x), contiguous(target)},
                    kernels::SquaredError{n, how});
  }
  if (!wanted(x, target)) return loss;
  const double factor = how == Reduce::mean ? 2 / static_cast<double>(n) : 2;
  record("mse_loss", loss, {x, target},
         [x = Saved(x), target = Saved(target), factor](const Tensor& grad, Grads& grads) {
           const Tensor slope = squared_error_slope(grad, x.get(), target.get(), factor);
           if (grads.wanted(0)) grads[0] = slope;
           if (grads.wanted(1)) grads[1] = neg(slope);
         });
  return loss;
}

}  // namespace

Tensor mse_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
                std::optional<bool> reduce, const std::string& reduction, const Tensor& weight) {
  const Reduce how = read_reduction("mse_loss", reduction, size_average, reduce);
  const LossPair pair = promoted("mse_loss", x, target);
  if (weight.defined())
    return reduced_by_weight("mse_loss", square(sub(pair.x, pair.target)), weight, how);
  return how == Reduce::none ? square(sub(pair.x, pair.target)) : fused_squared_error(pair, how);
}

}  // namespace steep::ops
