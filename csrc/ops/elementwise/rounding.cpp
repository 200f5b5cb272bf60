// Quotients and numbers rounded to something other than the nearest whole number. All are constant
// between their jumps: the gradient is zero.
#include "ops/elementwise/rounding.h"

#include <cmath>

#include "ops/elementwise/elementwise.h"

namespace steep::ops {

namespace {

Tensor zero_like(const Tensor& grad) { return full(grad.shape(), 0, grad.dtype()); }

Tensor truncated_quotient(const TensorOrNumber& x, const TensorOrNumber& other) {
  if (is_floating(result_type("div", x, other))) return trunc(div(x, other));
  // Without what fmod leaves over, the division is exact.
  return floor_divide({sub(x, {fmod(x, other), {}}, 1), {}}, other);
}

// round(x / scale) * scale for decimals in front of the point, round(x * scale) / scale behind it:
// each step in x's own dtype, as in PyTorch.
Tensor rounded(const Tensor& x, int64_t decimals) {
  const Number scale(std::pow(10.0, static_cast<double>(std::abs(decimals))));
  if (decimals < 0) return mul(round(div(x, scale)), scale);
  return div(round(mul(x, scale)), scale);
}

}  // namespace

Tensor div_rounded(const TensorOrNumber& x, const TensorOrNumber& other,
                   const std::optional<std::string>& rounding_mode) {
  if (!rounding_mode) return div(x, other);
  if (*rounding_mode != "trunc" && *rounding_mode != "floor")
    fail(ErrorKind::runtime, "div", "rounding_mode to be one of None, 'trunc', or 'floor'",
         join("'", *rounding_mode, "'"));
  Tensor out;
  {
    const tape::GradMode off(false);
    out = *rounding_mode == "floor" ? floor_divide(x, other) : truncated_quotient(x, other);
  }
  if (wanted(x.tensor, other.tensor) && is_floating(out.dtype())) {
    record("div", out, {x.tensor, other.tensor}, [](const Tensor& grad, Grads& grads) {
      for (int i = 0; i < 2; ++i)
        if (grads.wanted(i)) grads[i] = zero_like(grad);
    });
  }
  return out;
}

Tensor round_to(const Tensor& x, int64_t decimals) {
  if (decimals == 0) return round(x);
  if (!is_floating(x.dtype()))
    fail(ErrorKind::not_implemented, "round", "a floating-point tensor where decimals is not 0",
         name(x.dtype()), "convert with .float() first");
  Tensor out;
  {
    const tape::GradMode off(false);
    out = rounded(x, decimals);
  }
  if (wanted(x)) {
    record("round", out, {x}, [](const Tensor& grad, Grads& grads) { grads[0] = zero_like(grad); });
  }
  return out;
}

}  // namespace steep::ops
