// Variances, standard deviations, log-sum-exp and norms over any dimensions.
#include <algorithm>
#include <cmath>

#include "kernels/scratch.h"
#include "ops/reduce.h"
#include "ops/registry.h"
#include "ops/softmax.h"

namespace steep::ops {

namespace {

constexpr Kernel kSum = reduction("sum", kernels::RoutineId::sum, kernels::reduce_scratch);
constexpr Kernel kSumOfSquares =
    reduction("sum_of_squares", kernels::RoutineId::sum_of_squares, kernels::reduce_scratch);
constexpr Kernel kDivide = elementwise("div", Elementwise::div, 4);
constexpr Kernel kLogSumExp{"logsumexp",
                            Kind::reduce,
                            static_cast<int>(kernels::RoutineId::logsumexp),
                            "wr",
                            1,
                            exponential_cost,
                            nullptr,
                            nullptr};

struct Spread {
  Reduction plan;
  double degrees;  // what the sum of squares is divided by
};

Spread plan_spread(const char* op, const Tensor& x, const std::optional<Dims>& dim,
                   const std::optional<Number>& correction, bool keepdim) {
  if (!is_floating(x.dtype()))
    fail(ErrorKind::runtime, op, "a floating-point tensor", name(x.dtype()),
         "convert with .float() first");
  Spread spread{plan_reduction(op, x, dim, keepdim), 0};
  spread.degrees = std::max(
      0.0, static_cast<double>(spread.plan.n) - correction.value_or(Number(1)).to_double());
  return spread;
}

// The mean squared deviation, and the mean itself, unrecorded.
std::tuple<Tensor, Tensor> moments(const Tensor& x, const Spread& spread) {
  Extent extent;
  const Tensor rows = arrange(x, spread.plan, extent);
  const Tensor variance = empty(spread.plan.shape, x.dtype()),
               average = empty(spread.plan.shape, x.dtype());
  if (variance.numel() > 0) {
    program::launch(kSum, x.dtype(), {average, rows}, {extent.outer, extent.n, extent.inner});
    program::launch(kDivide, x.dtype(), {average, average, Number(spread.plan.n)});
    program::launch(kSumOfSquares, x.dtype(), {variance, rows, average},
                    {extent.outer, extent.n, extent.inner});
    program::launch(kDivide, x.dtype(), {variance, variance, Number(spread.degrees)});
  }
  return {variance, average};
}

// d var / dx = 2 (x - mean) / degrees: what the mean itself adds cancels.
Tensor variance_slope(const Tensor& grad, const Tensor& x, const Spread& of) {
  const Tensor deviation = sub(x, mean(x, of.plan.dims, true, std::nullopt));
  return mul(mul(spread(grad, of.plan.kept, of.plan.whole), Number(2 / of.degrees)), deviation);
}

// 1 / (2 std), and 0 where that is infinite because nothing varies.
Tensor root_slope(const Tensor& grad, const Tensor& out) {
  return where(eq({out, {}}, {{}, 0}), TensorOrNumber{{}, 0.0},
               TensorOrNumber{div(grad, mul(out, Number(2))), {}});
}

Tensor square_root(const Tensor& x) {
  const tape::GradMode off(false);
  return sqrt(x);
}

void record_variance(const Tensor& out, const Tensor& x, const Spread& spread) {
  record("var", out, {x}, [x = Saved(x), spread](const Tensor& grad, Grads& grads) {
    grads[0] = variance_slope(grad, x.get(), spread);
  });
}

void record_deviation(const Tensor& out, const Tensor& x, const Spread& spread) {
  record("std", out, {x},
         [x = Saved(x), out = Saved::output(out), spread](const Tensor& grad, Grads& grads) {
           grads[0] = variance_slope(root_slope(grad, out.get()), x.get(), spread);
         });
}

}  // namespace

Tensor var(const Tensor& x, std::optional<Dims> dim, std::optional<Number> correction,
           bool keepdim) {
  const Spread spread = plan_spread("var", x, dim, correction, keepdim);
  const Tensor out = std::get<0>(moments(x, spread));
  if (wanted(x)) record_variance(out, x, spread);
  return out;
}

Tensor stddev(const Tensor& x, std::optional<Dims> dim, std::optional<Number> correction,
              bool keepdim) {
  const Spread spread = plan_spread("std", x, dim, correction, keepdim);
  const Tensor out = square_root(std::get<0>(moments(x, spread)));
  if (wanted(x)) record_deviation(out, x, spread);
  return out;
}

std::tuple<Tensor, Tensor> var_mean(const Tensor& x, std::optional<Dims> dim,
                                    std::optional<Number> correction, bool keepdim) {
  const Spread spread = plan_spread("var_mean", x, dim, correction, keepdim);
  const auto [variance, average] = moments(x, spread);
  if (wanted(x)) {
    record_variance(variance, x, spread);
    record_mean(average, x, spread.plan);
  }
  return {variance, average};
}

std::tuple<Tensor, Tensor> std_mean(const Tensor& x, std::optional<Dims> dim,
                                    std::optional<Number> correction, bool keepdim) {
  const Spread spread = plan_spread("std_mean", x, dim, correction, keepdim);
  const auto [variance, average] = moments(x, spread);
  const Tensor deviation = square_root(variance);
  if (wanted(x)) {
    record_deviation(deviation, x, spread);
    record_mean(average, x, spread.plan);
  }
  return {deviation, average};
}

Tensor logsumexp(const Tensor& input, const Dims& dim, bool keepdim) {
  const Tensor x = to(input, floating_type(input.dtype()));
  const Reduction plan = plan_reduction("logsumexp", x, dim, keepdim);
  const Tensor out = empty(plan.shape, x.dtype());
  if (out.numel() > 0) {
    Extent extent;
    const Tensor rows = arrange(x, plan, extent);
    program::launch(kLogSumExp, x.dtype(), {out, rows}, {extent.outer, extent.n, extent.inner});
  }
  if (wanted(x)) {
    record("logsumexp", out, {x},
           [x = Saved(x), out = Saved::output(out), kept = plan.kept, whole = plan.whole](
               const Tensor& grad, Grads& grads) {
             grads[0] =
                 mul(spread(grad, kept, whole), exp(sub(x.get(), spread(out.get(), kept, whole))));
           });
  }
  return out;
}

namespace {

// (sum of |x|^p)^(1/p), with its limits at 0 and at the infinities.
Tensor norm_value(const Tensor& x, double p, const Reduction& plan) {
  const tape::GradMode off(false);
  const std::optional<Dims> dims = plan.dims;
  const bool keepdim = plan.dropped == 0;
  if (std::isinf(p)) return p > 0 ? amax(abs(x), dims, keepdim) : amin(abs(x), dims, keepdim);
  if (p == 0) return to(sum(ne({x, {}}, {{}, 0}), dims, keepdim, std::nullopt), x.dtype());
  if (p == 1) return sum(abs(x), dims, keepdim, std::nullopt);
  if (p == 2) return sqrt(sum(square(x), dims, keepdim, std::nullopt));
  const Tensor powers = sum(pow({abs(x), {}}, {{}, p}), dims, keepdim, std::nullopt);
  return pow({powers, {}}, {{}, 1 / p});
}

Tensor zero_where(const Tensor& zero, const Tensor& x) {
  return where(eq({zero, {}}, {{}, 0}), TensorOrNumber{{}, 0.0}, TensorOrNumber{x, {}});
}

// grad and out repeated over x's shape.
Tensor norm_slope(const Tensor& grad, const Tensor& x, const Tensor& out, double p,
                  const Reduction& plan) {
  if (p == 0) return full(plan.whole, 0, x.dtype());
  if (p == 1) return mul(grad, sign(x));
  if (p == 2) return mul(grad, zero_where(out, div(x, out)));
  const Tensor size = abs(x);
  if (std::isinf(p)) {
    const Tensor ties =
        to(bitwise_or({eq({size, {}}, {out, {}}), {}}, {ne({x, {}}, {x, {}}), {}}), x.dtype());
    return mul(mul(sign(x), ties), div(grad, sum(ties, plan.dims, true, std::nullopt)));
  }
  if (p < 1) {
    const Tensor powers = zero_where(x, pow({size, {}}, {{}, p - 1}));
    return mul(mul(sign(x), powers), mul(grad, pow({out, {}}, {{}, 1 - p})));
  }
  const Tensor powers =
      p < 2 ? mul(sign(x), pow({size, {}}, {{}, p - 1})) : mul(x, pow({size, {}}, {{}, p - 2}));
  return mul(powers, zero_where(out, div(grad, pow({out, {}}, {{}, p - 1}))));
}

}  // namespace

Tensor norm(const Tensor& input, std::optional<Number> order, std::optional<Dims> dim, bool keepdim,
            std::optional<DType> dtype) {
  const Tensor x = dtype ? to(input, *dtype) : input;
  if (!is_floating(x.dtype()))
    fail(ErrorKind::runtime, "norm", "a floating-point tensor", name(x.dtype()),
         "convert with .float() first");
  const double p = order.value_or(Number(2)).to_double();
  const Reduction plan = plan_reduction("norm", x, dim, keepdim);
  if (std::isinf(p) && plan.n == 0) {
    fail(ErrorKind::runtime, "norm", "at least one element for an infinite p",
         join("shape ", to_string(x.shape())), "use a finite p");
  }
  const Tensor out = norm_value(x, p, plan);
  if (wanted(x)) {
    record("norm", out, {x},
           [x = Saved(x), out = Saved::output(out), p, plan](const Tensor& grad, Grads& grads) {
             grads[0] = norm_slope(spread(grad, plan.kept, plan.whole), x.get(),
                                   spread(out.get(), plan.kept, plan.whole), p, plan);
           });
  }
  return out;
}

}  // namespace steep::ops
