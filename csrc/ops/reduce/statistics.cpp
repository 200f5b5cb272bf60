// Variances, standard deviations, log-sum-exp and norms over any dimensions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/reduce/softmax.h"
#include "ops/elementwise/compare.h"
#include "ops/reduce/reduce.h"
#include "ops/reduce/softmax.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

struct Spread {
  Reduction plan;
  double degrees;  // what the sum of squares is divided by: NaN where there is nothing to add up
};

Spread plan_spread(const char* op, const Tensor& x, const std::optional<Dims>& dim,
                   const std::optional<Number>& correction, bool keepdim) {
  if (!is_floating(x.dtype()))
    fail(ErrorKind::runtime, op, "a floating-point tensor", name(x.dtype()),
         "convert with .float() first");
  Spread spread{plan_reduction(op, x, dim, keepdim), 0};
  const double n = static_cast<double>(spread.plan.n);
  spread.degrees =
      n == 0 ? std::nan("") : std::max(0.0, n - correction.value_or(Number(1)).to_double());
  return spread;
}

// What a kernel makes of the squared deviations, and the mean in float64; unrecorded.
struct Moments {
  Tensor value, mean;
};

Moments moments(const Kernel& kernel, const Tensor& x, const Spread& spread) {
  Extent extent;
  const Tensor rows = reduced_last(x, spread.plan, extent);
  const Moments out{empty(spread.plan.shape, x.dtype()), empty(spread.plan.shape, DType::float64)};
  if (out.value.numel() > 0) {
    program::launch(kernels::kWideMean, x.dtype(), {out.mean, rows},
                    kernels::DividedExtent{extent, static_cast<double>(spread.plan.n)});
    program::launch(kernel, x.dtype(), {out.value, rows, out.mean},
                    kernels::DividedExtent{extent, spread.degrees});
  }
  return out;
}

// x less its mean. A mean of float32 that lies far from 0 is rounded to a step that may be as wide
// as the deviations: it is subtracted in two parts.
Tensor centred(const Tensor& x, const Tensor& mean, const Spread& of) {
  const auto part = [&](const Tensor& t) { return spread(t, of.plan.kept, of.plan.whole); };
  const Tensor near = to(mean, x.dtype());
  const Tensor deviation = sub(x, part(near));
  if (x.dtype() == mean.dtype()) return deviation;
  return sub(deviation, part(to(sub(mean, near), x.dtype())));
}

// The same where the pass itself is recorded. What rounding has taken from the mean is what the
// deviations have as theirs.
Tensor recorded_centred(const Tensor& x, const Spread& of) {
  const Tensor deviation = sub(x, mean(x, of.plan.dims, true, std::nullopt));
  return sub(deviation, mean(deviation, of.plan.dims, true, std::nullopt));
}

// d var / dx = 2 (x - mean) / degrees: what the mean itself adds cancels.
Tensor variance_slope(const Tensor& grad, const Tensor& x, const Tensor& mean, const Spread& of) {
  const Tensor deviation = tape::grad_enabled() ? recorded_centred(x, of) : centred(x, mean, of);
  return mul(mul(spread(grad, of.plan.kept, of.plan.whole), Number(2 / of.degrees)), deviation);
}

// 1 / (2 std), and 0 where that is infinite because nothing varies.
Tensor root_slope(const Tensor& grad, const Tensor& out) {
  return where(eq({out, {}}, {{}, 0}), TensorOrNumber{{}, 0.0},
               TensorOrNumber{div(mul(grad, Number(0.5)), out), {}});
}

void record_variance(const Moments& made, const Tensor& x, const Spread& spread) {
  record("var", made.value, {x},
         [x = Saved(x), mean = Saved(made.mean), spread](const Tensor& grad, Grads& grads) {
           grads[0] = variance_slope(grad, x.get(), mean.get(), spread);
         });
}

void record_deviation(const Moments& made, const Tensor& x, const Spread& spread) {
  record("std", made.value, {x},
         [x = Saved(x), out = Saved::output(made.value), mean = Saved(made.mean), spread](
             const Tensor& grad, Grads& grads) {
           grads[0] = variance_slope(root_slope(grad, out.get()), x.get(), mean.get(), spread);
         });
}

// The mean as a result of its own.
Tensor average(const Moments& made, const Tensor& x, const Spread& spread) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = x.dtype() == made.mean.dtype() ? clone(made.mean) : to(made.mean, x.dtype());
  }
  if (wanted(x)) record_mean(out, x, spread.plan);
  return out;
}

}  // namespace

Tensor var(const Tensor& x, std::optional<Dims> dim, std::optional<Number> correction,
           bool keepdim) {
  const Spread spread = plan_spread("var", x, dim, correction, keepdim);
  const Moments made = moments(kernels::kVariance, x, spread);
  if (wanted(x)) record_variance(made, x, spread);
  return made.value;
}

Tensor stddev(const Tensor& x, std::optional<Dims> dim, std::optional<Number> correction,
              bool keepdim) {
  const Spread spread = plan_spread("std", x, dim, correction, keepdim);
  const Moments made = moments(kernels::kDeviation, x, spread);
  if (wanted(x)) record_deviation(made, x, spread);
  return made.value;
}

std::tuple<Tensor, Tensor> var_mean(const Tensor& x, std::optional<Dims> dim,
                                    std::optional<Number> correction, bool keepdim) {
  const Spread spread = plan_spread("var_mean", x, dim, correction, keepdim);
  const Moments made = moments(kernels::kVariance, x, spread);
  if (wanted(x)) record_variance(made, x, spread);
  return {made.value, average(made, x, spread)};
}

std::tuple<Tensor, Tensor> std_mean(const Tensor& x, std::optional<Dims> dim,
                                    std::optional<Number> correction, bool keepdim) {
  const Spread spread = plan_spread("std_mean", x, dim, correction, keepdim);
  const Moments made = moments(kernels::kDeviation, x, spread);
  if (wanted(x)) record_deviation(made, x, spread);
  return {made.value, average(made, x, spread)};
}

namespace {

// The softmax over the reduced dimensions, where the pass itself is recorded. An infinite maximum,
// less which nothing would be left, is not subtracted.
Tensor recorded_shares(const Tensor& x, const Reduction& plan) {
  if (x.numel() == 0) return exp(x);
  Tensor top;
  {
    const tape::GradMode off(false);
    top = amax(x, plan.dims, true);
    top = where(isinf(top), TensorOrNumber{{}, 0.0}, TensorOrNumber{top, {}});
  }
  const Tensor below = sub(x, top);
  return exp(sub(below, logsumexp(below, plan.dims, true)));
}

}  // namespace

Tensor logsumexp(const Tensor& input, const Dims& dim, bool keepdim) {
  if (dim.empty() && input.dim() > 0)
    fail(ErrorKind::runtime, "logsumexp", "at least one dim", "none",
         "name all dimensions, or take logsumexp(input.flatten(), 0)");
  const Tensor x = to(input, floating_type(input.dtype()));
  const Reduction plan = plan_reduction("logsumexp", x, dim, keepdim);
  const Tensor out = empty(plan.shape, x.dtype());
  // The gradient wants the result's two parts: beside a large maximum, the result is rounded.
  Tensor top, log_sum;
  if (wanted(x)) {
    top = empty(plan.shape, x.dtype());
    log_sum = empty(plan.shape, x.dtype());
  }
  if (out.numel() > 0) {
    Extent extent;
    const Tensor rows = reduced_last(x, plan, extent);
    program::launch(kernels::kLogsumexp, x.dtype(), {out, rows, top, log_sum}, extent);
  }
  if (wanted(x)) {
    record("logsumexp", out, {x},
           [x = Saved(x), top = Saved(top), log_sum = Saved(log_sum), plan](const Tensor& grad,
                                                                            Grads& grads) {
             const auto over_x = [&](const Tensor& t) { return spread(t, plan.kept, plan.whole); };
             const Tensor shares =
                 tape::grad_enabled()
                     ? recorded_shares(x.get(), plan)
                     : exp(sub(sub(x.get(), over_x(top.get())), over_x(log_sum.get())));
             grads[0] = mul(over_x(grad), shares);
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

// A finite order beyond all numbers of the type is as good as an infinite one: the largest element
// (the least, below zero) is all that counts.
double order_in(DType type, double p) {
  const bool beyond = std::abs(p) > largest(type);
  return beyond ? std::copysign(std::numeric_limits<double>::infinity(), p) : p;
}

}  // namespace

Tensor norm_operand(const Tensor& x, std::optional<DType> dtype) {
  for (DType type : {x.dtype(), dtype.value_or(x.dtype())})
    if (!is_floating(type))
      fail(ErrorKind::runtime, "norm", "a floating-point tensor and dtype", name(type),
           "convert the tensor with .float() first");
  if (dtype && promote(x.dtype(), *dtype) != *dtype)
    fail(ErrorKind::runtime, "norm",
         join("a dtype no narrower than the input's, ", name(x.dtype())), name(*dtype),
         "convert the result");
  return dtype ? to(x, *dtype) : x;
}

Tensor norm(const Tensor& input, std::optional<Number> order, std::optional<Dims> dim, bool keepdim,
            std::optional<DType> dtype) {
  const Tensor x = norm_operand(input, dtype);
  const double p = order_in(x.dtype(), order.value_or(Number(2)).to_double());
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
