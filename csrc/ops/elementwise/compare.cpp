// Comparisons, logical and bitwise operations; maximum, minimum, clamp and where, which choose by them.
#include "ops/elementwise/compare.h"

#include "ops/elementwise/elementwise.h"
#include "ops/host.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

// Whether the comparison holds of two numbers.
bool holds(const Kernel& kernel, int x, int other) {
  if (&kernel == &kernels::kEq) return x == other;
  if (&kernel == &kernels::kNe) return x != other;
  if (&kernel == &kernels::kLt) return x < other;
  if (&kernel == &kernels::kLe) return x <= other;
  if (&kernel == &kernels::kGt) return x > other;
  return x >= other;
}

// -1 where a number is below all that an integer type holds, 1 where it is above, 0 where it is neither or no number.
int side_of(const TensorOrNumber& x, DType type) {
  if (x.is_tensor() || is_floating(type) || x.number.fits(type)) return 0;
  return x.number.to_int() < least(type) ? -1 : 1;
}

Tensor comparison(const Kernel& kernel, const TensorOrNumber& x, const TensorOrNumber& other) {
  const DType type = result_type(kernel.name, x, other);
  const int left = side_of(x, type), right = side_of(other, type);
  if (left || right)
    return full((x.is_tensor() ? x : other).tensor.shape(), holds(kernel, left, right),
                DType::boolean);
  return binary(kernel, x, other, type, DType::boolean);
}

Tensor bitwise(const Kernel& kernel, const TensorOrNumber& x, const TensorOrNumber& other) {
  const DType type = result_type(kernel.name, x, other);
  if (is_floating(type))
    fail(ErrorKind::not_implemented, kernel.name, "integer or bool operands", name(type),
         "compare first, or convert with .long()");
  return modular(kernel, x, other, type);
}

Tensor shift(const Kernel& kernel, const TensorOrNumber& x, const TensorOrNumber& other) {
  const DType type = result_type(kernel.name, x, other);
  if (is_floating(type) || type == DType::boolean)
    fail(ErrorKind::not_implemented, kernel.name, "integer operands", name(type),
         "convert with .long()");
  // A number need not fit the type: whatever is out of range moves all bits out.
  const bool far = !other.is_tensor() && (other.number.to_int() < 0 || other.number.to_int() > 64);
  return binary(kernel, x, far ? TensorOrNumber{{}, 64} : other, type);
}

}  // namespace

Tensor eq(const TensorOrNumber& x, const TensorOrNumber& other) {
  return comparison(kernels::kEq, x, other);
}
Tensor ne(const TensorOrNumber& x, const TensorOrNumber& other) {
  return comparison(kernels::kNe, x, other);
}
Tensor lt(const TensorOrNumber& x, const TensorOrNumber& other) {
  return comparison(kernels::kLt, x, other);
}
Tensor le(const TensorOrNumber& x, const TensorOrNumber& other) {
  return comparison(kernels::kLe, x, other);
}
Tensor gt(const TensorOrNumber& x, const TensorOrNumber& other) {
  return comparison(kernels::kGt, x, other);
}
Tensor ge(const TensorOrNumber& x, const TensorOrNumber& other) {
  return comparison(kernels::kGe, x, other);
}
Tensor bitwise_and(const TensorOrNumber& x, const TensorOrNumber& other) {
  return bitwise(kernels::kBitwiseAnd, x, other);
}
Tensor bitwise_or(const TensorOrNumber& x, const TensorOrNumber& other) {
  return bitwise(kernels::kBitwiseOr, x, other);
}
Tensor bitwise_xor(const TensorOrNumber& x, const TensorOrNumber& other) {
  return bitwise(kernels::kBitwiseXor, x, other);
}
Tensor bitwise_left_shift(const TensorOrNumber& x, const TensorOrNumber& other) {
  return shift(kernels::kBitwiseLeftShift, x, other);
}
Tensor bitwise_right_shift(const TensorOrNumber& x, const TensorOrNumber& other) {
  return shift(kernels::kBitwiseRightShift, x, other);
}

Tensor logical_and(const Tensor& x, const Tensor& other) {
  return comparison(kernels::kLogicalAnd, {x, {}}, {other, {}});
}
Tensor logical_or(const Tensor& x, const Tensor& other) {
  return comparison(kernels::kLogicalOr, {x, {}}, {other, {}});
}
Tensor logical_xor(const Tensor& x, const Tensor& other) {
  return comparison(kernels::kLogicalXor, {x, {}}, {other, {}});
}
Tensor logical_not(const Tensor& x) { return unary_predicate(kernels::kLogicalNot, x); }
Tensor isnan(const Tensor& x) { return unary_predicate(kernels::kIsnan, x); }
Tensor isinf(const Tensor& x) { return unary_predicate(kernels::kIsinf, x); }
Tensor isfinite(const Tensor& x) { return unary_predicate(kernels::kIsfinite, x); }

Tensor bitwise_not(const Tensor& x) {
  if (x.dtype() == DType::boolean) return logical_not(x);
  if (is_floating(x.dtype()))
    fail(ErrorKind::type, "bitwise_not", "an integer or bool tensor", name(x.dtype()));
  return unary(kernels::kBitwiseNot, x);
}

Tensor where(const Tensor& condition, const TensorOrNumber& x, const TensorOrNumber& other) {
  if (condition.dtype() == DType::uint8) {
    host.warn(
        "where received a uint8 condition tensor. This behavior is deprecated; use a bool "
        "condition instead, as in `condition != 0`.");
    return where(to(condition, DType::boolean), x, other);
  }
  if (condition.dtype() != DType::boolean)
    fail(ErrorKind::runtime, "where", "a condition of dtype bool", name(condition.dtype()),
         "compare it, as in `condition != 0`");
  const DType type = result_type(x, other);
  for (const TensorOrNumber* operand : {&x, &other})
    if (!operand->is_tensor()) check_fits("where", operand->number, type);
  Tensor a = x.tensor, b = other.tensor;
  {
    const tape::GradMode off(false);
    if (x.is_tensor()) a = to(a, type);
    if (other.is_tensor()) b = to(b, type);
  }
  Tensor out = output_for("where", {&condition, &a, &b}, type);
  program::launch(kernels::kWhere, type,
                  {out, condition, a.defined() ? program::Operand(a) : program::Operand(x.number),
                   b.defined() ? program::Operand(b) : program::Operand(other.number)});
  if (wanted(x.tensor, other.tensor)) {
    record("where", out, {x.tensor, other.tensor},
           [condition = Saved(condition)](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = where(condition.get(), grad, Number(0.0));
             if (grads.wanted(1))
               grads[1] = where(condition.get(), TensorOrNumber{{}, 0.0}, TensorOrNumber{grad, {}});
           });
  }
  return out;
}

namespace {
// The larger (or smaller) of two; where they tie, each gets half of the gradient. A NaN is beaten by
// neither: both get all of it.
Tensor extreme(const Kernel& kernel, const Tensor& x, const Tensor& other,
               Tensor (*beaten)(const TensorOrNumber&, const TensorOrNumber&)) {
  Tensor out = binary(kernel, {x, {}}, {other, {}}, result_type({x, {}}, {other, {}}));
  if (wanted(x, other)) {
    record(kernel.name, out, {x, other},
           [x = Saved(x), other = Saved(other), beaten](const Tensor& grad, Grads& grads) {
             const TensorOrNumber a{x.get(), {}}, b{other.get(), {}};
             const TensorOrNumber none{{}, 0.0};
             const TensorOrNumber half{div(grad, Number(2)), {}}, all{grad, {}};
             const TensorOrNumber shared{where(eq(a, b), half, all), {}};
             if (grads.wanted(0)) grads[0] = where(beaten(a, b), none, shared);
             if (grads.wanted(1)) grads[1] = where(beaten(b, a), none, shared);
           });
  }
  return out;
}
}  // namespace

Tensor maximum(const Tensor& x, const Tensor& other) {
  return extreme(kernels::kMaximum, x, other, lt);
}

Tensor minimum(const Tensor& x, const Tensor& other) {
  return extreme(kernels::kMinimum, x, other, gt);
}

namespace {
// An absent bound is one that nothing reaches; one beyond an integer type's range is the end of that range.
TensorOrNumber bound(const std::optional<TensorOrNumber>& given, DType type, bool lower) {
  if (is_floating(type)) {
    if (!given) return {{}, lower ? -__builtin_inf() : __builtin_inf()};
    if (!given->is_tensor()) check_fits("clamp", given->number, type);
    return *given;
  }
  const int side = given ? side_of(*given, type) : lower ? -1 : 1;
  if (given && side == 0) return *given;
  return {{}, side < 0 ? least(type) : most(type)};
}

// Integers that every element would have to become, but cannot.
void check_bounds(const std::optional<TensorOrNumber>& low,
                  const std::optional<TensorOrNumber>& high, DType type) {
  const int at_high = high ? side_of(*high, type) : 1, at_low = low ? side_of(*low, type) : -1;
  if (at_high < 0) check_fits("clamp", high->number, type);
  if (at_low > 0 && at_high > 0) check_fits("clamp", low->number, type);
}

DType clamp_type(const Tensor& x, const std::optional<TensorOrNumber>& low,
                 const std::optional<TensorOrNumber>& high) {
  Promotion promotion;
  promotion.add(x.dtype(), x.dim());
  for (const auto* given : {&low, &high}) {
    if (!*given) continue;
    if ((*given)->is_tensor()) {
      promotion.add((*given)->tensor.dtype(), (*given)->tensor.dim());
    } else {
      promotion.add((*given)->number);
    }
  }
  return promotion.result();
}
}  // namespace

Tensor clamp(const Tensor& x, std::optional<TensorOrNumber> min,
             std::optional<TensorOrNumber> max) {
  if (!min && !max)
    fail(ErrorKind::runtime, "clamp", "at least one of min and max", "neither",
         "At least one of 'min' or 'max' must not be None");
  const DType type = clamp_type(x, min, max);
  if (type == DType::boolean)
    fail(ErrorKind::runtime, "clamp", "numbers", "bool", "convert with .int() first");
  check_bounds(min, max, type);
  const TensorOrNumber low = bound(min, type, true), high = bound(max, type, false);
  Tensor source = x, floor = low.tensor, ceiling = high.tensor;
  {
    const tape::GradMode off(false);
    source = to(x, type);
    if (low.is_tensor()) floor = to(floor, type);
    if (high.is_tensor()) ceiling = to(ceiling, type);
  }
  Tensor out = output_for("clamp", {&source, &floor, &ceiling}, type);
  program::launch(
      kernels::kClamp, type,
      {out, source, low.is_tensor() ? program::Operand(floor) : program::Operand(low.number),
       high.is_tensor() ? program::Operand(ceiling) : program::Operand(high.number)});
  if (wanted(x, low.tensor, high.tensor)) {
    record("clamp", out, {x, low.tensor, high.tensor},
           [x = Saved(x), low = Saved(low.tensor), high = Saved(high.tensor), bottom = low.number,
            top = high.number](const Tensor& grad, Grads& grads) {
             const TensorOrNumber value{x.get(), {}}, floor{low.get(), bottom},
                 ceiling{high.get(), top};
             // At a bound the gradient still passes.
             if (grads.wanted(0))
               grads[0] = where(bitwise_and({ge(value, floor), {}}, {le(value, ceiling), {}}), grad,
                                Number(0.0));
             if (grads.wanted(1))
               grads[1] = where(bitwise_and({lt(value, floor), {}}, {lt(floor, ceiling), {}}), grad,
                                Number(0.0));
             if (grads.wanted(2))
               grads[2] = where(bitwise_or({gt(value, ceiling), {}}, {gt(floor, ceiling), {}}),
                                grad, Number(0.0));
           });
  }
  return out;
}

bool equal(const Tensor& x, const Tensor& other) {
  if (x.shape() != other.shape()) return false;
  const Tensor differs = any(ne({x, {}}, {other, {}}), std::nullopt, false);
  return !item(differs).to_bool();
}

Tensor isclose(const Tensor& x, const Tensor& other, double rtol, double atol, bool equal_nan) {
  if (x.dtype() != other.dtype()) {
    fail(ErrorKind::runtime, "isclose", "tensors of one dtype",
         join(name(x.dtype()), " and ", name(other.dtype())), "convert one with .to(dtype)");
  }
  if (!(rtol >= 0 && atol >= 0))  // nan is none either
    fail(ErrorKind::runtime, "isclose", "tolerances of at least 0", join(rtol, " and ", atol));
  const tape::GradMode off(false);
  const TensorOrNumber a{x, {}}, b{other, {}};
  Tensor close = eq(a, b);
  if (is_floating(x.dtype())) {
    const Tensor allowed = add(mul(abs(other), Number(rtol)), Number(atol));
    const Tensor near =
        bitwise_and({le({abs(sub(x, other)), {}}, {allowed, {}}), {}}, {isfinite(other), {}});
    close = bitwise_or({close, {}}, {near, {}});
    if (equal_nan)
      close = bitwise_or({close, {}}, {bitwise_and({isnan(x), {}}, {isnan(other), {}}), {}});
  }
  return close;
}

bool allclose(const Tensor& x, const Tensor& other, double rtol, double atol, bool equal_nan) {
  const Tensor far = logical_not(isclose(x, other, rtol, atol, equal_nan));
  return !item(any(far, std::nullopt, false)).to_bool();
}

}  // namespace steep::ops
