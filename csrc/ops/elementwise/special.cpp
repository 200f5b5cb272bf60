// Hyperbolic arcs, and functions that are careful where the plain formula is not.
#include "ops/elementwise/special.h"

#include "kernels/elementwise/special.h"
#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/elementwise/rules.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

constexpr double kPi = 3.141592653589793, kLn2 = 0.6931471805599453;

Tensor asinh(const Tensor& x) {
  return with_input(kernels::kAsinh, x, [](const Tensor& grad, const Tensor& x) {
    return mul(grad, rsqrt(add(square(x), Number(1))));
  });
}
Tensor acosh(const Tensor& x) {
  return with_input(kernels::kAcosh, x, [](const Tensor& grad, const Tensor& x) {
    return mul(grad, rsqrt(sub({square(x), {}}, {{}, 1}, 1)));
  });
}
Tensor atanh(const Tensor& x) {
  return with_input(kernels::kAtanh, x, [](const Tensor& grad, const Tensor& x) {
    return div(grad, sub({{}, 1}, {square(x), {}}, 1));
  });
}
Tensor erfinv(const Tensor& x) {
  return with_output(kernels::kErfinv, x, [](const Tensor& grad, const Tensor& out) {
    return mul(grad, mul(exp(square(out)), Number(0.886226925452758)));  // sqrt(pi) / 2
  });
}

Tensor floating_operand(const Tensor& x) { return to(x, floating_type(x.dtype())); }

// sin(pi x) / (pi x), and 1 at 0; a number in place of 0 keeps the quotient's slopes finite there.
Tensor sinc(const Tensor& input) {
  const Tensor x = floating_operand(input);
  const Tensor zero = eq({x, {}}, {{}, 0});
  const Tensor angle = mul(where(zero, TensorOrNumber{{}, 1.0}, {x, {}}), Number(kPi));
  return where(zero, TensorOrNumber{{}, 1.0}, TensorOrNumber{div(sin(angle), angle), {}});
}

// log(p / (1 - p)); eps: p is first brought into [eps, 1 - eps].
Tensor logit(const Tensor& input, std::optional<double> eps) {
  Tensor x = floating_operand(input), out;
  if (eps) x = clamp(x, {{{}, *eps}}, {{{}, 1 - *eps}});
  {
    const tape::GradMode off(false);
    out = log(div(x, sub({{}, 1}, {x, {}}, 1)));
  }
  if (wanted(x)) {
    record("logit", out, {x}, [x = Saved(x)](const Tensor& grad, Grads& grads) {
      grads[0] = div(grad, mul(x.get(), sub({{}, 1}, {x.get(), {}}, 1)));  // infinite at both ends
    });
  }
  return out;
}

Tensor deg2rad(const Tensor& x) { return mul(floating_operand(x), Number(kPi / 180)); }
Tensor rad2deg(const Tensor& x) { return mul(floating_operand(x), Number(180 / kPi)); }

Tensor frac(const Tensor& x) {
  if (!is_floating(x.dtype()))
    fail(ErrorKind::not_implemented, "frac", "a floating-point tensor", name(x.dtype()),
         "a whole number has no fraction");
  return sub(x, trunc(x));
}

Tensor positive(const Tensor& x) {
  if (x.dtype() == DType::boolean)
    fail(ErrorKind::runtime, "positive", "a tensor of numbers", "a bool tensor",
         "convert with .int() first");
  return x;
}

Tensor infinite(const Tensor& x, double side) {
  if (!is_floating(x.dtype())) return full(x.shape(), false, DType::boolean);
  return eq({x, {}}, {{}, side * __builtin_inf()});
}
Tensor isposinf(const Tensor& x) { return infinite(x, 1); }
Tensor isneginf(const Tensor& x) { return infinite(x, -1); }

Tensor hypot(const Tensor& x, const Tensor& other) {
  const DType type = result_type({x, {}}, {other, {}});
  if (!is_floating(type))
    fail(ErrorKind::not_implemented, "hypot", "floating-point operands", name(type),
         "convert with .float() first");
  Tensor out = binary(kernels::kHypot, {x, {}}, {other, {}}, type);
  if (wanted(x, other)) {
    record("hypot", out, {x, other},
           [x = Saved(x), other = Saved(other), out = Saved::output(out)](const Tensor& grad,
                                                                          Grads& grads) {
             const Tensor share = div(grad, out.get());
             if (grads.wanted(0)) grads[0] = mul(share, x.get());
             if (grads.wanted(1)) grads[1] = mul(share, other.get());
           });
  }
  return out;
}

DType logarithmic_type(const char* op, const Tensor& x, const Tensor& other) {
  const DType type = result_type({x, {}}, {other, {}});
  if (!is_floating(type))
    fail(ErrorKind::not_implemented, op, "floating-point operands", name(type),
         "convert with .float() first");
  broadcast_shapes(op, x.shape(), other.shape());
  return type;
}

// log2(2^x + 2^other), by way of natural logarithms.
Tensor logaddexp2(const Tensor& x, const Tensor& other) {
  logarithmic_type("logaddexp2", x, other);
  return div(logaddexp(mul(x, Number(kLn2)), mul(other, Number(kLn2))), Number(kLn2));
}

}  // namespace

Tensor logaddexp(const Tensor& x, const Tensor& other) {
  Tensor out =
      binary(kernels::kLogaddexp, {x, {}}, {other, {}}, logarithmic_type("logaddexp", x, other));
  if (wanted(x, other)) {
    // The share of x is sigmoid(x - other); of equal infinities it is a half.
    record("logaddexp", out, {x, other},
           [x = Saved(x), other = Saved(other)](const Tensor& grad, Grads& grads) {
             const Tensor away = sub(x.get(), other.get());
             const Tensor both = logical_and(isinf(x.get()), eq({x.get(), {}}, {other.get(), {}}));
             const Tensor gap = where(both, TensorOrNumber{{}, 0.0}, TensorOrNumber{away, {}});
             if (grads.wanted(0)) grads[0] = mul(grad, sigmoid(gap));
             if (grads.wanted(1)) grads[1] = mul(grad, sigmoid(neg(gap)));
           });
  }
  return out;
}

// |x| with the sign of other, that of a zero included.
Tensor copysign(const TensorOrNumber& x, const TensorOrNumber& other) {
  const DType type = floating_type(result_type("copysign", x, other));
  Tensor out = binary(kernels::kCopysign, x, other, type);
  if (wanted(x.tensor, other.tensor)) {
    record("copysign", out, {x.tensor, other.tensor},
           [x = Saved(x.tensor), out = Saved::output(out)](const Tensor& grad, Grads& grads) {
             // 1, -1, or 0 at 0; other has no influence but where it changes its sign.
             if (grads.wanted(0)) grads[0] = mul(grad, mul(sign(x.get()), sign(out.get())));
             if (grads.wanted(1)) grads[1] = full(grad.shape(), 0, grad.dtype());
           });
  }
  return out;
}

Tensor signbit(const Tensor& x) {
  if (x.dtype() == DType::boolean) return full(x.shape(), false, DType::boolean);
  if (!is_floating(x.dtype())) return lt({x, {}}, {{}, 0});
  const tape::GradMode off(false);
  return lt({copysign({{}, 1.0}, {x, {}}), {}}, {{}, 0});
}

Tensor xlogy(const TensorOrNumber& x, const TensorOrNumber& other) {
  const DType type = floating_type(result_type("xlogy", x, other));
  Tensor out = binary(kernels::kXlogy, x, other, type);
  if (wanted(x.tensor, other.tensor)) {
    record("xlogy", out, {x.tensor, other.tensor},
           [x = Saved(x.tensor), first = x.number, other = Saved(other.tensor),
            number = other.number](const Tensor& grad, Grads& grads) {
             const auto operand = [&](const Saved& saved, const Number& number) {
               return TensorOrNumber{saved.defined() ? saved.get() : full({}, number, grad.dtype()),
                                     {}};
             };
             const TensorOrNumber a = operand(x, first), b = operand(other, number);
             if (grads.wanted(0)) {
               // 0 where x is 0 and other is no logarithm's argument, as in PyTorch.
               const Tensor dead = bitwise_and({eq(a, {{}, 0}), {}}, {le(b, {{}, 0}), {}});
               const Tensor slope = xlogy({full({}, 1, grad.dtype()), {}}, b);
               grads[0] = mul(grad, where(dead, TensorOrNumber{{}, 0.0}, {slope, {}}));
             }
             if (grads.wanted(1)) grads[1] = mul(grad, div(a, b));
           });
  }
  return out;
}

namespace {
bool are_bool(const Tensor& x, const TensorOrNumber& bound) {
  return bound.is_tensor() && x.dtype() == DType::boolean && bound.tensor.dtype() == DType::boolean;
}
}  // namespace
Tensor clamp_min(const Tensor& x, const TensorOrNumber& min) {
  return are_bool(x, min) ? maximum(x, min.tensor) : clamp(x, min, {});
}
Tensor clamp_max(const Tensor& x, const TensorOrNumber& max) {
  return are_bool(x, max) ? minimum(x, max.tensor) : clamp(x, {}, max);
}

namespace {

constexpr const char* kUnary = "(input: Tensor) -> Tensor";

template <auto function>
void add_with_inplace(Registry& registry, const char* name, const char* inplace,
                      const char* signature, const char* doc, const char* doc_inplace) {
  registry.add<function>(name, kBoth | kOut, signature, doc);
  registry.add_inplace<function>(inplace, signature, doc_inplace, name);
}

void register_arcs(Registry& registry) {
  add_with_inplace<&asinh>(registry, "asinh", "asinh_", kUnary,
                           R"(Inverse hyperbolic sine of each element.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.asinh(steep.tensor([0.0, 1.0]))
tensor([0.0000, 0.8814])
)",
                           "In-place form of asinh.");
  registry.add<&asinh>("arcsinh", kBoth | kOut, kUnary, "Another name of asinh.", "asinh");
  registry.add_inplace<&asinh>("arcsinh_", kUnary, "In-place form of asinh.", "asinh");
  add_with_inplace<&acosh>(registry, "acosh", "acosh_", kUnary,
                           R"(Inverse hyperbolic cosine of each element: nan below 1.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.acosh(steep.tensor([1.0, 2.0]))
tensor([0.0000, 1.3170])
)",
                           "In-place form of acosh.");
  registry.add<&acosh>("arccosh", kBoth | kOut, kUnary, "Another name of acosh.", "acosh");
  registry.add_inplace<&acosh>("arccosh_", kUnary, "In-place form of acosh.", "acosh");
  add_with_inplace<&atanh>(registry, "atanh", "atanh_", kUnary,
                           R"(Inverse hyperbolic tangent of each element: nan outside [-1, 1].

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.atanh(steep.tensor([0.0, 0.5]))
tensor([0.0000, 0.5493])
)",
                           "In-place form of atanh.");
  registry.add<&atanh>("arctanh", kBoth | kOut, kUnary, "Another name of atanh.", "atanh");
  registry.add_inplace<&atanh>("arctanh_", kUnary, "In-place form of atanh.", "atanh");
  add_with_inplace<&erfinv>(registry, "erfinv", "erfinv_", kUnary,
                            R"(Inverse of the error function: nan outside [-1, 1].

Giles, 2011, with a step of Halley's method. Shape: any, kept. Integers and bools give the default dtype.

>>> steep.erfinv(steep.tensor([0.0, 0.5]))
tensor([0.0000, 0.4769])
)",
                            "In-place form of erfinv.");
  add_with_inplace<&sinc>(registry, "sinc", "sinc_", kUnary,
                          R"(Normalised sinc of each element: sin(pi x) / (pi x), and 1 at 0.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.sinc(steep.tensor([0.0, 0.5]))
tensor([1.0000, 0.6366])
)",
                          "In-place form of sinc.");
  add_with_inplace<&logit>(
      registry, "logit", "logit_", "(input: Tensor, eps: float | None = None) -> Tensor",
      R"(log(x / (1 - x)), the inverse of sigmoid; with eps, x is first brought into [eps, 1 - eps].

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.logit(steep.tensor([0.5, 0.75]))
tensor([0.0000, 1.0986])
)",
      "In-place form of logit.");
}

void register_plain(Registry& registry) {
  add_with_inplace<&deg2rad>(registry, "deg2rad", "deg2rad_", kUnary,
                             R"(Degrees as radians.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.deg2rad(steep.tensor([0.0, 180.0]))
tensor([0.0000, 3.1416])
)",
                             "In-place form of deg2rad.");
  add_with_inplace<&rad2deg>(registry, "rad2deg", "rad2deg_", kUnary,
                             R"(Radians as degrees.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.rad2deg(steep.tensor([0.0, 1.0]))
tensor([ 0.0000, 57.2958])
)",
                             "In-place form of rad2deg.");
  add_with_inplace<&frac>(registry, "frac", "frac_", kUnary,
                          R"(What is left of each element without its whole part: x - trunc(x).

Shape: any, kept. Raises NotImplementedError for integers and bools.

>>> steep.frac(steep.tensor([1.5, -2.25]))
tensor([ 0.5000, -0.2500])
)",
                          "In-place form of frac.");
  registry.add<&positive>("positive", kBoth, kUnary, R"(The tensor itself.

Raises RuntimeError for bools.

>>> steep.positive(steep.tensor([1, -2]))
tensor([ 1, -2])
)");
  registry.add<&signbit>("signbit", kBoth | kOut, kUnary,
                         R"(Whether each element is negative, that of a zero included.

Shape: any, kept; bool.

>>> steep.signbit(steep.tensor([1.0, -0.0, -2.0]))
tensor([False,  True,  True])
)");
  registry.add<&isposinf>("isposinf", kBoth | kOut, kUnary,
                          R"(Whether each element is positive infinity.

Shape: any, kept; bool.

>>> steep.isposinf(steep.tensor([1.0, steep.inf]))
tensor([False,  True])
)");
  registry.add<&isneginf>("isneginf", kBoth | kOut, kUnary,
                          R"(Whether each element is negative infinity.

Shape: any, kept; bool.

>>> steep.isneginf(steep.tensor([1.0, -steep.inf]))
tensor([False,  True])
)");
}

void register_pairs(Registry& registry) {
  add_with_inplace<&hypot>(
      registry, "hypot", "hypot_", "(input: Tensor, other: Tensor) -> Tensor",
      R"(sqrt(input^2 + other^2), which neither overflows nor loses small numbers.

Shapes broadcast. Raises NotImplementedError for integers.

>>> steep.hypot(steep.tensor([3.0]), steep.tensor([4.0]))
tensor([5.])
)",
      "In-place form of hypot.");
  registry.add<&logaddexp>("logaddexp", kBoth | kOut, "(input: Tensor, other: Tensor) -> Tensor",
                           R"(log(e^input + e^other), without overflow.

Shapes broadcast. Raises NotImplementedError for integers.

>>> steep.logaddexp(steep.tensor([0.0]), steep.tensor([0.0]))
tensor([0.6931])
)");
  registry.add<&logaddexp2>("logaddexp2", kBoth | kOut, "(input: Tensor, other: Tensor) -> Tensor",
                            R"(log2(2^input + 2^other), without overflow.

Shapes broadcast. Raises NotImplementedError for integers.

>>> steep.logaddexp2(steep.tensor([3.0]), steep.tensor([3.0]))
tensor([4.])
)");
  add_with_inplace<&copysign>(registry, "copysign", "copysign_",
                              "(input: Tensor, other: Tensor | Number) -> Tensor",
                              R"(The size of input with the sign of other, that of a zero included.

Shapes broadcast; errors as in add. Integers and bools give the default dtype.

>>> steep.copysign(steep.tensor([1.0, -2.0]), -0.0)
tensor([-1., -2.])
)",
                              "In-place form of copysign.");
  static constexpr const char* kXlogy =
      "(input: Tensor | Number, other: Tensor | Number) -> Tensor";
  registry.add<&xlogy>("xlogy", kBoth | kOut, kXlogy,
                       R"(input * log(other), and 0 where input is 0.

Shapes broadcast; errors as in add. Integers and bools give the default dtype.

>>> steep.xlogy(steep.tensor([0.0, 2.0]), steep.tensor([0.0, 1.0]))
tensor([0., 0.])
)");
  registry.add_inplace<&xlogy>("xlogy_", "(input: Tensor, other: Tensor | Number) -> Tensor",
                               "In-place form of xlogy.", "xlogy");
}

void register_special(Registry& registry) {
  register_arcs(registry);
  register_plain(registry);
  register_pairs(registry);
}

const Registration registered("math", register_special);

}  // namespace

}  // namespace steep::ops
