// Exponentials, logarithms, roots, trigonometric and error functions: one kernel each, and a
// one-line rule.
#include "ops/elementwise/math.h"

#include <limits>

#include "ops/elementwise/compare.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/rules.h"

namespace steep::ops {

namespace {

Tensor one_plus(const Tensor& x) { return add(x, Number(1)); }
Tensor one_minus(const Tensor& x) { return sub({{}, 1}, {x, {}}, 1); }

constexpr double kTwoOverSqrtPi = 1.1283791670955126;
constexpr double kLn2 = 0.6931471805599453, kLn10 = 2.302585092994046;

}  // namespace

Tensor exp(const Tensor& x) {
  return with_output(kernels::kExp, x,
                     [](const Tensor& grad, const Tensor& out) { return mul(grad, out); });
}
Tensor exp2(const Tensor& x) {
  return with_output(kernels::kExp2, x, [](const Tensor& grad, const Tensor& out) {
    return mul(grad, mul(out, Number(kLn2)));
  });
}
Tensor expm1(const Tensor& x) {
  return with_output(kernels::kExpm1, x, [](const Tensor& grad, const Tensor& out) {
    return mul(grad, one_plus(out));
  });
}
Tensor log(const Tensor& x) {
  return with_input(kernels::kLog, x,
                    [](const Tensor& grad, const Tensor& x) { return div(grad, x); });
}
Tensor log2(const Tensor& x) {
  return with_input(kernels::kLog2, x, [](const Tensor& grad, const Tensor& x) {
    return div(grad, mul(x, Number(kLn2)));
  });
}
Tensor log10(const Tensor& x) {
  return with_input(kernels::kLog10, x, [](const Tensor& grad, const Tensor& x) {
    return div(grad, mul(x, Number(kLn10)));
  });
}
Tensor log1p(const Tensor& x) {
  return with_input(kernels::kLog1p, x,
                    [](const Tensor& grad, const Tensor& x) { return div(grad, one_plus(x)); });
}
Tensor sqrt(const Tensor& x) {
  return with_output(kernels::kSqrt, x, [](const Tensor& grad, const Tensor& out) {
    return div(grad, mul(out, Number(2)));
  });
}
Tensor rsqrt(const Tensor& x) {
  return with_output(kernels::kRsqrt, x, [](const Tensor& grad, const Tensor& out) {
    return mul(grad, mul(mul(square(out), out), Number(-0.5)));
  });
}
Tensor sin(const Tensor& x) {
  return with_input(kernels::kSin, x,
                    [](const Tensor& grad, const Tensor& x) { return mul(grad, cos(x)); });
}
Tensor cos(const Tensor& x) {
  return with_input(kernels::kCos, x,
                    [](const Tensor& grad, const Tensor& x) { return neg(mul(grad, sin(x))); });
}
Tensor tan(const Tensor& x) {
  return with_output(kernels::kTan, x, [](const Tensor& grad, const Tensor& out) {
    return mul(grad, one_plus(square(out)));
  });
}
Tensor asin(const Tensor& x) {
  return with_input(kernels::kAsin, x, [](const Tensor& grad, const Tensor& x) {
    return mul(grad, rsqrt(one_minus(square(x))));
  });
}
Tensor acos(const Tensor& x) {
  return with_input(kernels::kAcos, x, [](const Tensor& grad, const Tensor& x) {
    return neg(mul(grad, rsqrt(one_minus(square(x)))));
  });
}
Tensor atan(const Tensor& x) {
  return with_input(kernels::kAtan, x, [](const Tensor& grad, const Tensor& x) {
    return div(grad, one_plus(square(x)));
  });
}
Tensor sinh(const Tensor& x) {
  return with_input(kernels::kSinh, x,
                    [](const Tensor& grad, const Tensor& x) { return mul(grad, cosh(x)); });
}
Tensor cosh(const Tensor& x) {
  return with_input(kernels::kCosh, x,
                    [](const Tensor& grad, const Tensor& x) { return mul(grad, sinh(x)); });
}
Tensor erf(const Tensor& x) {
  return with_input(kernels::kErf, x, [](const Tensor& grad, const Tensor& x) {
    return mul(grad, mul(exp(neg(square(x))), Number(kTwoOverSqrtPi)));
  });
}
Tensor erfc(const Tensor& x) {
  return with_input(kernels::kErfc, x, [](const Tensor& grad, const Tensor& x) {
    return mul(grad, mul(exp(neg(square(x))), Number(-kTwoOverSqrtPi)));
  });
}

Tensor tanh(const Tensor& x) {
  return with_output(kernels::kTanh, x, [](const Tensor& grad, const Tensor& out) {
    return tape::grad_enabled() ? mul(grad, one_minus(square(out)))
                                : fused(kernels::kTanhBackward, grad, out);
  });
}

Tensor sigmoid(const Tensor& x) {
  return with_output(kernels::kSigmoid, x, [](const Tensor& grad, const Tensor& out) {
    return tape::grad_enabled() ? mul(grad, mul(one_minus(out), out))
                                : fused(kernels::kSigmoidBackward, grad, out);
  });
}

namespace {
// The larger of |x| and |other|, as a constant: the slopes of atan2 do not depend on what both are
// divided by. What is infinite stays so when divided; at the origin, where PyTorch has slope 0, all
// is divided by infinity.
Tensor larger(const Tensor& x, const Tensor& other) {
  const tape::GradMode off(false);
  const Tensor size = maximum(abs(x), abs(other));
  const double most = largest(size.dtype());
  return where(eq({size, {}}, {{}, 0}), TensorOrNumber{{}, std::numeric_limits<double>::infinity()},
               TensorOrNumber{clamp(size, {}, {{{}, most}}), {}});
}
}  // namespace

Tensor atan2(const Tensor& x, const Tensor& other) {
  Tensor out = binary(kernels::kAtan2, {x, {}}, {other, {}},
                      floating_type(result_type({x, {}}, {other, {}})));
  if (wanted(x, other)) {
    record("atan2", out, {x, other},
           [x = Saved(x), other = Saved(other)](const Tensor& grad, Grads& grads) {
             // x and other by the larger of the two: their squares would leave the dtype's range
             // long before the slopes do.
             const Tensor size = larger(x.get(), other.get());
             const Tensor y = div(x.get(), size), z = div(other.get(), size);
             const Tensor length = clamp(add(square(y), square(z)), {{{}, 0.5}}, {});
             if (grads.wanted(0)) grads[0] = mul(grad, div(div(z, length), size));
             if (grads.wanted(1)) grads[1] = neg(mul(grad, div(div(y, length), size)));
           });
  }
  return out;
}

}  // namespace steep::ops
