// + - * / ** // % and their in-place forms, neg, abs, sign, and the rounding functions.
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/rounding.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

bool is_one(const Number& number) {
  return !number.is_floating() ? number.to_int() == 1 : number.to_double() == 1;
}

// The least int64 is its own negative, as integers of that size compute.
Number negated(const Number& number) {
  if (number.is_floating()) return Number(-number.to_double());
  return Number(static_cast<int64_t>(-static_cast<uint64_t>(number.to_int())));
}

bool is_bool(const TensorOrNumber& x) {
  return x.is_tensor() ? x.tensor.dtype() == DType::boolean
                       : x.number.kind() == Number::Kind::boolean;
}

void refuse_bool(const char* op, const TensorOrNumber& x, const TensorOrNumber& other) {
  const bool first = is_bool(x), second = is_bool(other);
  if ((!first && !second) || (!x.is_tensor() && !other.is_tensor())) return;
  fail(ErrorKind::runtime, op, "numbers", first && second ? "two bool operands" : "a bool operand",
       "use the `^` or `logical_xor` operator, `~` for a mask's inverse, or convert with .int()");
}

void check_alpha(const char* op, const Number& alpha, DType type) {
  if (alpha.kind() == Number::Kind::integer && alpha.to_int() == 1) return;
  if (alpha.is_floating() && !is_floating(type))
    fail(ErrorKind::runtime, op, "an integral alpha for integral tensors",
         "a floating-point alpha");
  if (alpha.kind() == Number::Kind::boolean && type != DType::boolean)
    fail(ErrorKind::runtime, op, "a number for alpha, but for two bool operands", "a bool");
  // What is taken off unsigned numbers is a negative alpha.
  const bool negative = type == DType::uint8 && !alpha.is_floating() && alpha.to_int() < 0;
  check_fits(op, negative ? negated(alpha) : alpha, type);
}

Tensor add_scaled(const TensorOrNumber& x, const TensorOrNumber& other, const Number& alpha,
                  DType type) {
  if (is_one(alpha)) return modular(kernels::kAdd, x, other, type);
  if (type ==
      DType::boolean) {  // a sum of bools is their "or": alpha keeps the other one or drops it
    const TensorOrNumber scaled =
        other.is_tensor()
            ? TensorOrNumber{binary(kernels::kMul, other, {{}, alpha.to_bool()}, type), {}}
            : TensorOrNumber{{}, other.number.to_bool() && alpha.to_bool()};
    return binary(kernels::kAdd, x, scaled, type);
  }
  Tensor a = x.is_tensor() ? to(x.tensor, type) : full({}, x.number.wrapped(type), type);
  Tensor b =
      other.is_tensor() ? to(other.tensor, type) : full({}, other.number.wrapped(type), type);
  Tensor out = output_for("add", {&a, &b}, type);
  program::launch(kernels::kAddScaled, type, {out, a, b, alpha.wrapped(type)});
  return out;
}

// add, of an alpha that has been checked: sub() takes the negative of one.
Tensor add_any(const TensorOrNumber& x, const TensorOrNumber& other, const Number& alpha,
               DType type) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = add_scaled(x, other, alpha, type);
  }
  if (wanted(x.tensor, other.tensor)) {
    record("add", out, {x.tensor, other.tensor},
           tape::lasting([alpha](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = grad;
             if (grads.wanted(1)) grads[1] = is_one(alpha) ? grad : mul(grad, alpha);
           }));
  }
  return out;
}

// Division of integers by zero has no value to give: it is refused, as Python does.
void check_divisor(const char* op, const TensorOrNumber& other, DType type) {
  if (is_floating(type)) return;
  const bool zero = other.is_tensor() ? item(any(eq(other, {{}, 0}), std::nullopt, false)).to_bool()
                                      : !other.number.to_bool();
  if (zero)
    throw Error(
        ErrorKind::runtime,
        join("ZeroDivisionError: ", op,
             ": integer division by zero; divide floating-point tensors to get inf or nan"));
}

}  // namespace

Tensor add(const TensorOrNumber& x, const TensorOrNumber& other, const Number& alpha) {
  const DType type = result_type("add", x, other);
  check_alpha("add", alpha, type);
  return add_any(x, other, alpha, type);
}

Tensor sub(const TensorOrNumber& x, const TensorOrNumber& other, const Number& alpha) {
  refuse_bool("sub", x, other);
  const DType type = result_type("sub", x, other);
  check_alpha("sub", alpha, type);
  if (!is_one(alpha)) return add_any(x, other, negated(alpha), type);
  Tensor out = modular(kernels::kSub, x, other, type);
  if (wanted(x.tensor, other.tensor)) {
    record("sub", out, {x.tensor, other.tensor},
           tape::lasting([](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = grad;
             if (grads.wanted(1)) grads[1] = neg(grad);
           }));
  }
  return out;
}

Tensor mul(const TensorOrNumber& x, const TensorOrNumber& other) {
  Tensor out = modular(kernels::kMul, x, other, result_type("mul", x, other));
  if (wanted(x.tensor, other.tensor)) {
    const bool need_x = tape::requires_grad(other.tensor),
               need_other = tape::requires_grad(x.tensor);
    record("mul", out, {x.tensor, other.tensor},
           [x = Saved(x.tensor, need_x), other = Saved(other.tensor, need_other),
            number = other.number, first = x.number](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0))
               grads[0] = other.defined() ? mul(grad, other.get()) : mul(grad, number);
             if (grads.wanted(1)) grads[1] = x.defined() ? mul(grad, x.get()) : mul(grad, first);
           });
  }
  return out;
}

Tensor div(const TensorOrNumber& x, const TensorOrNumber& other) {
  Tensor out = binary(kernels::kDiv, x, other, floating_type(result_type("div", x, other)));
  if (wanted(x.tensor, other.tensor)) {
    const bool slope = tape::requires_grad(other.tensor);
    // The gradient of the divisor is -grad * out / other: the quotient is at hand.
    record("div", out, {x.tensor, other.tensor},
           [other = Saved(other.tensor), number = other.number,
            out = slope ? Saved::output(out) : Saved()](const Tensor& grad, Grads& grads) {
             const Tensor by_x = other.defined() ? div(grad, other.get()) : div(grad, number);
             if (grads.wanted(0)) grads[0] = by_x;
             if (grads.wanted(1)) grads[1] = neg(mul(by_x, out.get()));
           });
  }
  return out;
}

namespace {
// x^(p) and its gradient p * x^(p-1), where p = 0 gives 0 even at x = 0.
Tensor pow_slope(const Tensor& x, const TensorOrNumber& exponent) {
  if (!exponent.is_tensor()) {
    const double p = exponent.number.to_double();
    if (p == 0) return full(x.shape(), 0, x.dtype());
    if (p == 2) return mul(x, Number(2));
    return mul(pow({x, {}}, {{}, Number(p - 1)}), Number(p));
  }
  const Tensor& p = exponent.tensor;
  const Tensor slope = mul(pow({x, {}}, {sub({p, {}}, {{}, 1}, 1), {}}), p);
  return where(ne({p, {}}, {{}, 0}), slope, Number(0.0));
}
}  // namespace

Tensor pow(const TensorOrNumber& x, const TensorOrNumber& exponent) {
  const DType type = result_type("pow", x, exponent);
  if (!exponent.is_tensor() && !is_floating(type)) {
    if (exponent.number.to_int() < 0)
      fail(ErrorKind::runtime, "pow", "a non-negative exponent for integer tensors",
           join(exponent.number.to_int()), "convert with .float() first");
    check_fits("pow", exponent.number, type);
    // Of bools, PyTorch has powers by a number alone.
    if (type == DType::boolean)
      return exponent.number.to_bool() ? clone(x.tensor) : full(x.tensor.shape(), true, type);
  }
  const bool by_two =
      !exponent.is_tensor() && exponent.number.to_double() == 2 && type == x.tensor.dtype();
  Tensor out =
      by_two ? unary(kernels::kSquare, x.tensor) : modular(kernels::kPow, x, exponent, type);
  if (wanted(x.tensor, exponent.tensor)) {
    const bool by_exponent = tape::requires_grad(exponent.tensor);
    record("pow", out, {x.tensor, exponent.tensor},
           [x = Saved(x.tensor), base = x.number, exponent = Saved(exponent.tensor),
            number = exponent.number,
            out = by_exponent ? Saved::output(out) : Saved()](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0))
               grads[0] = mul(grad, pow_slope(x.get(), {exponent.get(), number}));
             if (!grads.wanted(1)) return;
             const Tensor power = out.get();
             const Tensor bottom = x.defined() ? x.get() : full({}, base, power.dtype());
             // d/dp x^p = x^p log x, and 0 where x is 0 and p is not negative.
             const Tensor zero = bitwise_and({eq({bottom, {}}, {{}, 0}), {}},
                                             {ge({exponent.get(), {}}, {{}, 0}), {}});
             const Tensor slope = mul(power, log(bottom));
             grads[1] = mul(grad, where(zero, TensorOrNumber{{}, 0.0}, TensorOrNumber{slope, {}}));
           });
  }
  return out;
}

Tensor floor_divide(const TensorOrNumber& x, const TensorOrNumber& other) {
  const DType type = result_type("floor_divide", x, other);
  check_divisor("floor_divide", other, type);
  Tensor out = binary(kernels::kFloorDivide, x, other, type);
  if (wanted(x.tensor, other.tensor)) {
    // As in PyTorch. Without a node, what is added to it would pass for the whole of a gradient.
    record("floor_divide", out, {x.tensor, other.tensor}, [](const Tensor&, Grads&) {
      throw Error(ErrorKind::runtime,
                  "derivative for floor_divide is not implemented; div(..., "
                  "rounding_mode='floor') has the gradient 0, detach() has none");
    });
  }
  return out;
}

Tensor remainder(const TensorOrNumber& x, const TensorOrNumber& other) {
  const DType type = result_type("remainder", x, other);
  check_divisor("remainder", other, type);
  Tensor out = binary(kernels::kRemainder, x, other, type);
  if (wanted(x.tensor, other.tensor)) {
    record("remainder", out, {x.tensor, other.tensor},
           [x = Saved(x.tensor), first = x.number, other = Saved(other.tensor),
            number = other.number](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = grad;
             if (grads.wanted(1))
               grads[1] =
                   neg(mul(grad, div_rounded({x.get(), first}, {other.get(), number}, "floor")));
           });
  }
  return out;
}

Tensor fmod(const TensorOrNumber& x, const TensorOrNumber& other) {
  const DType type = result_type("fmod", x, other);
  check_divisor("fmod", other, type);
  Tensor out = binary(kernels::kFmod, x, other, type);
  if (wanted(x.tensor, other.tensor)) {
    record("fmod", out, {x.tensor, other.tensor},
           [x = Saved(x.tensor), first = x.number, other = Saved(other.tensor),
            number = other.number](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = grad;
             if (grads.wanted(1))
               grads[1] = neg(mul(grad, trunc(div({x.get(), first}, {other.get(), number}))));
           });
  }
  return out;
}

Tensor neg(const Tensor& x) {
  if (x.dtype() == DType::boolean)
    fail(ErrorKind::runtime, "neg", "a tensor of numbers", "a bool tensor",
         "use the `~` or `logical_not()` operator");
  Tensor out = unary(kernels::kNeg, x);
  if (wanted(x))
    record("neg", out, {x},
           tape::lasting([](const Tensor& grad, Grads& grads) { grads[0] = neg(grad); }));
  return out;
}

Tensor abs(const Tensor& x) {
  Tensor out = unary(kernels::kAbs, x);
  if (wanted(x))
    record("abs", out, {x}, [x = Saved(x)](const Tensor& grad, Grads& grads) {
      grads[0] = mul(grad, sign(x.get()));
    });
  return out;
}

Tensor square(const Tensor& x) {
  if (x.dtype() == DType::boolean) return square(to(x, DType::int64));
  Tensor out = unary(kernels::kSquare, x);
  if (wanted(x)) {
    record("square", out, {x}, [x = Saved(x)](const Tensor& grad, Grads& grads) {
      grads[0] = mul(grad, mul(x.get(), Number(2)));
    });
  }
  return out;
}

Tensor reciprocal(const Tensor& x) {
  Tensor out = unary(kernels::kReciprocal, to(x, floating_type(x.dtype())));
  if (wanted(x)) {
    record("reciprocal", out, {x}, [out = Saved::output(out)](const Tensor& grad, Grads& grads) {
      grads[0] = neg(mul(grad, square(out.get())));
    });
  }
  return out;
}

namespace {
// Piecewise constant: the gradient is zero wherever there is one.
Tensor stepwise(const Kernel& kernel, const Tensor& x) {
  Tensor out = unary(kernel, x);
  if (wanted(x)) {
    record(kernel.name, out, {x}, tape::lasting([](const Tensor& grad, Grads& grads) {
             grads[0] = full(grad.shape(), 0, grad.dtype());
           }));
  }
  return out;
}
}  // namespace

Tensor sign(const Tensor& x) {
  return x.dtype() == DType::boolean ? clone(x) : stepwise(kernels::kSign, x);
}
Tensor floor(const Tensor& x) { return stepwise(kernels::kFloor, x); }
Tensor ceil(const Tensor& x) { return stepwise(kernels::kCeil, x); }
Tensor round(const Tensor& x) { return stepwise(kernels::kRound, x); }
Tensor trunc(const Tensor& x) { return stepwise(kernels::kTrunc, x); }

namespace {
// In place, straight into x where no graph has to know; else by way of the recorded operation.
// `alpha` has been checked.
Tensor add_to(const char* op, const Tensor& x, const TensorOrNumber& other, const Number& alpha,
              DType type) {
  const bool plain = is_one(alpha) || type != DType::boolean;
  if (!plain || !writes_directly(op, x, other, type))
    return assign(op, x, add_any({x, {}}, other, alpha, type));
  const program::Operand b = other.is_tensor() ? program::Operand(other.tensor)
                                               : program::Operand(other.number.wrapped(type));
  if (is_one(alpha)) {
    program::launch(kernels::kAdd, type, {x, x, b});
  } else {
    program::launch(kernels::kAddScaled, type, {x, x, b, alpha.wrapped(type)});
  }
  x->bump(op);
  return x;
}
}  // namespace

Tensor add_(const Tensor& x, const TensorOrNumber& other, const Number& alpha) {
  const DType type = result_type({x, {}}, other);
  check_alpha("add_", alpha, type);
  return add_to("add_", x, other, alpha, type);
}

Tensor sub_(const Tensor& x, const TensorOrNumber& other, const Number& alpha) {
  refuse_bool("sub_", {x, {}}, other);
  const DType type = result_type({x, {}}, other);
  check_alpha("sub_", alpha, type);
  return add_to("sub_", x, other, negated(alpha), type);
}

namespace {
Tensor write_binary(const char* op, const Kernel& kernel,
                    Tensor (*function)(const TensorOrNumber&, const TensorOrNumber&),
                    const Tensor& x, const TensorOrNumber& other, DType type) {
  if (!writes_directly(op, x, other, type)) {
    if (!wanted(other.tensor)) return assign(op, x, function({x, {}}, other));
    tape::check_writable(op, x);
    return assign(op, x,
                  function({clone(x), {}}, other));  // whose gradient needs the value that goes
  }
  program::launch(kernel, type,
                  {x, x,
                   other.is_tensor() ? program::Operand(other.tensor)
                                     : program::Operand(other.number.wrapped(type))});
  x->bump(op);
  return x;
}
}  // namespace

Tensor mul_(const Tensor& x, const TensorOrNumber& other) {
  return write_binary("mul_", kernels::kMul, mul, x, other, result_type({x, {}}, other));
}

Tensor div_(const Tensor& x, const TensorOrNumber& other) {
  return write_binary("div_", kernels::kDiv, div, x, other,
                      floating_type(result_type({x, {}}, other)));
}

}  // namespace steep::ops
