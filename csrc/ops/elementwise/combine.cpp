// Several tensors combined element by element: interpolation, scaled products and quotients,
// bounds, and what replaces numbers that are none.
#include "kernels/elementwise/special.h"
#include "ops/elementwise/compare.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/special.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

void check_lerp(const char* op, const Tensor& x, const Tensor& end, const TensorOrNumber& weight) {
  if (!is_floating(x.dtype()))
    fail(ErrorKind::not_implemented, op, "a floating-point tensor", name(x.dtype()),
         "convert with .float() first");
  const DType other = weight.is_tensor() && weight.tensor.dtype() != x.dtype()
                          ? weight.tensor.dtype()
                          : end.dtype();
  if (other != x.dtype())
    fail(ErrorKind::runtime, op, join("all tensors in the input's dtype ", name(x.dtype())),
         name(other), "convert it with .to(dtype)");
}

program::Operand operand_of(const TensorOrNumber& x) {
  return x.is_tensor() ? program::Operand(x.tensor) : program::Operand(x.number);
}

Tensor lerp(const Tensor& x, const Tensor& end, const TensorOrNumber& weight) {
  check_lerp("lerp", x, end, weight);
  Tensor out = weight.is_tensor() ? output_for("lerp", {&x, &end, &weight.tensor}, x.dtype())
                                  : output_for("lerp", {&x, &end}, x.dtype());
  program::launch(kernels::kLerp, x.dtype(), {out, x, end, operand_of(weight)});
  if (wanted(x, end, weight.tensor)) {
    const bool slope = tape::requires_grad(weight.tensor);
    record("lerp", out, {x, end, weight.tensor},
           [x = Saved(x, slope), end = Saved(end, slope), weight = Saved(weight.tensor),
            number = weight.number](const Tensor& grad, Grads& grads) {
             const TensorOrNumber w{weight.get(), number};
             if (grads.wanted(0))
               grads[0] = mul({grad, {}}, {sub({full({}, 1, grad.dtype()), {}}, w, 1), {}});
             if (grads.wanted(1)) grads[1] = mul({grad, {}}, w);
             if (grads.wanted(2)) grads[2] = mul(grad, sub(end.get(), x.get()));
           });
  }
  return out;
}

Tensor lerp_(const Tensor& x, const Tensor& end, const TensorOrNumber& weight) {
  check_lerp("lerp_", x, end, weight);
  const bool direct = writes_directly("lerp_", x, {end, {}}, x.dtype()) &&
                      (!weight.is_tensor() || writes_directly("lerp_", x, weight, x.dtype()));
  if (!direct) {
    if (!wanted(x, end, weight.tensor)) return assign("lerp_", x, lerp(x, end, weight));
    tape::check_writable("lerp_", x);
    return assign("lerp_", x, lerp(clone(x), end, weight));
  }
  program::launch(kernels::kLerp, x.dtype(), {x, x, end, operand_of(weight)});
  x->bump("lerp_");
  return x;
}

// Refuses a value that the sum's dtype cannot hold.
void check_value(const char* op, const Number& value, const Tensor& x, const Tensor& added) {
  const DType type = result_type({x, {}}, {added, {}});
  if (is_floating(type)) check_fits(op, value, type);
}

Tensor product(const char* op, const Tensor& x, const Tensor& tensor1, const Tensor& tensor2,
               const Number& value) {
  broadcast_shapes(op, x.shape(), broadcast_shapes(op, tensor1.shape(), tensor2.shape()));
  const Tensor out = mul(tensor1, tensor2);
  check_value(op, value, x, out);
  return out;
}
Tensor addcmul(const Tensor& x, const Tensor& tensor1, const Tensor& tensor2, const Number& value) {
  return add({x, {}}, {product("addcmul", x, tensor1, tensor2, value), {}}, value);
}
Tensor addcmul_(const Tensor& x, const Tensor& tensor1, const Tensor& tensor2,
                const Number& value) {
  return add_(x, {product("addcmul_", x, tensor1, tensor2, value), {}}, value);
}

Tensor quotient(const char* op, const Tensor& x, const Tensor& tensor1, const Tensor& tensor2,
                const Number& value) {
  if (!is_floating(tensor1.dtype()) && !is_floating(tensor2.dtype()))
    fail(ErrorKind::runtime, op, "a floating-point tensor among those that are divided",
         join(name(tensor1.dtype()), " and ", name(tensor2.dtype())),
         "Integer division with addcdiv is no longer supported; convert with .float(), or divide "
         "with div(..., rounding_mode='trunc')");
  broadcast_shapes(op, x.shape(), broadcast_shapes(op, tensor1.shape(), tensor2.shape()));
  const Tensor out = div(tensor1, tensor2);
  check_value(op, value, x, out);
  return out;
}
Tensor addcdiv(const Tensor& x, const Tensor& tensor1, const Tensor& tensor2, const Number& value) {
  return add({x, {}}, {quotient("addcdiv", x, tensor1, tensor2, value), {}}, value);
}
Tensor addcdiv_(const Tensor& x, const Tensor& tensor1, const Tensor& tensor2,
                const Number& value) {
  return add_(x, {quotient("addcdiv_", x, tensor1, tensor2, value), {}}, value);
}

// The operand that wins; a nan loses against any number.
Tensor apart_from_nan(const char* op, const Tensor& x, const Tensor& other,
                      Tensor (*wins)(const TensorOrNumber&, const TensorOrNumber&)) {
  broadcast_shapes(op, x.shape(), other.shape());
  return where(logical_or(wins({x, {}}, {other, {}}), isnan(other)), TensorOrNumber{x, {}},
               TensorOrNumber{other, {}});
}
Tensor fmax(const Tensor& x, const Tensor& other) { return apart_from_nan("fmax", x, other, ge); }
Tensor fmin(const Tensor& x, const Tensor& other) { return apart_from_nan("fmin", x, other, le); }

TensorOrNumber in_double(const TensorOrNumber& x) {
  if (x.is_tensor()) return {to(x.tensor, DType::float64), {}};
  return {{}, Number(x.number.to_double())};
}

Tensor float_power(const TensorOrNumber& x, const TensorOrNumber& exponent) {
  if (x.is_tensor() || exponent.is_tensor()) return pow(in_double(x), in_double(exponent));
  fail(ErrorKind::type, "float_power", "a tensor among the two", "two numbers");
}
Tensor float_power_(const Tensor& x, const TensorOrNumber& exponent) {
  if (x.dtype() != DType::float64)
    fail(ErrorKind::runtime, "float_power_", "a float64 tensor to write to", name(x.dtype()),
         "use the form that returns a new tensor");
  return assign("float_power_", x, float_power({wanted(x) ? clone(x) : x, {}}, exponent));
}

Tensor rsub(const Tensor& x, const TensorOrNumber& other, const Number& alpha) {
  if (other.is_tensor()) broadcast_shapes("rsub", x.shape(), other.tensor.shape());
  return sub(other, {x, {}}, alpha);
}

Tensor nan_to_num(const Tensor& x, std::optional<double> nan, std::optional<double> posinf,
                  std::optional<double> neginf) {
  if (!is_floating(x.dtype())) return clone(x);
  const double most = largest(x.dtype()), infinity = __builtin_inf();
  Tensor out = where(isnan(x), TensorOrNumber{{}, nan.value_or(0)}, TensorOrNumber{x, {}});
  out = where(eq({x, {}}, {{}, infinity}), TensorOrNumber{{}, posinf.value_or(most)},
              TensorOrNumber{out, {}});
  return where(eq({x, {}}, {{}, -infinity}), TensorOrNumber{{}, neginf.value_or(-most)},
               TensorOrNumber{out, {}});
}

// values where x is 0, else 0 or 1 by its sign; a nan stays.
Tensor heaviside(const Tensor& x, const Tensor& values) {
  if (x.dtype() != values.dtype())
    fail(ErrorKind::runtime, "heaviside", "input and values of one dtype",
         join(name(x.dtype()), " and ", name(values.dtype())), "convert one with .to(dtype)");
  if (wanted(x, values))
    fail(ErrorKind::not_implemented, "heaviside", "tensors that need no gradient",
         "one that requires it", "detach() it: the slope is 0 wherever there is one");
  const Tensor step = to(gt({x, {}}, {{}, 0}), x.dtype());
  const Tensor sided = where(eq({x, {}}, {{}, 0}), TensorOrNumber{values, {}}, {step, {}});
  return where(isnan(x), TensorOrNumber{x, {}}, TensorOrNumber{sided, {}});
}

void register_mixtures(Registry& registry) {
  static constexpr const char* kLerp =
      "(input: Tensor, end: Tensor, weight: Tensor | Number) -> Tensor";
  registry.add<&lerp>("lerp", kBoth | kOut, kLerp,
                      R"(The point on the way from input to end: input + weight * (end - input).

Shapes broadcast. Raises RuntimeError when they do not or dtypes differ, NotImplementedError for
integers.

>>> steep.lerp(steep.tensor([0.0, 1.0]), steep.tensor([10.0, 2.0]), 0.5)
tensor([5.0000, 1.5000])
)");
  registry.add<&lerp_>("lerp_", kMethod, kLerp, "In-place form of lerp.", "lerp");
  static constexpr const char* kScaled =
      "(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor";
  registry.add<&addcmul>("addcmul", kBoth | kOut, kScaled,
                         R"(input + value * tensor1 * tensor2, element by element.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.addcmul(steep.ones(2), steep.tensor([1.0, 2.0]), steep.tensor([3.0, 4.0]), value=2)
tensor([ 7., 17.])
)");
  registry.add<&addcmul_>("addcmul_", kMethod, kScaled, "In-place form of addcmul.", "addcmul");
  registry.add<&addcdiv>("addcdiv", kBoth | kOut, kScaled,
                         R"(input + value * tensor1 / tensor2, element by element.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast, and for
quotients of integers.

>>> steep.addcdiv(steep.ones(2), steep.tensor([1.0, 2.0]), steep.tensor([4.0, 4.0]), value=2)
tensor([1.5000, 2.0000])
)");
  registry.add<&addcdiv_>("addcdiv_", kMethod, kScaled, "In-place form of addcdiv.", "addcdiv");
}

void register_bounds(Registry& registry) {
  static constexpr const char* kMin = "(input: Tensor, min: Tensor | Number) -> Tensor";
  static constexpr const char* kMax = "(input: Tensor, max: Tensor | Number) -> Tensor";
  static constexpr const char* kTensors = "(input: Tensor, other: Tensor) -> Tensor";
  registry.add<&clamp_min>("clamp_min", kBoth | kOut, kMin,
                           R"(The elements, but min where they are below it.

Shapes broadcast. Raises RuntimeError when they do not.

>>> steep.clamp_min(steep.tensor([-1.0, 2.0]), 0)
tensor([0., 2.])
)");
  registry.add_inplace<&clamp_min>("clamp_min_", kMin, "In-place form of clamp_min.", "clamp_min");
  registry.add<&clamp_max>("clamp_max", kBoth | kOut, kMax,
                           R"(The elements, but max where they are above it.

Shapes broadcast. Raises RuntimeError when they do not.

>>> steep.clamp_max(steep.tensor([-1.0, 2.0]), 0)
tensor([-1.,  0.])
)");
  registry.add_inplace<&clamp_max>("clamp_max_", kMax, "In-place form of clamp_max.", "clamp_max");
  registry.add<&fmax>("fmax", kBoth | kOut, kTensors,
                      R"(The greater of each pair of elements; a nan counts only where both are.

Shapes broadcast. Raises RuntimeError when they do not.

>>> steep.fmax(steep.tensor([1.0, steep.nan]), steep.tensor([0.0, 2.0]))
tensor([1., 2.])
)");
  registry.add<&fmin>("fmin", kBoth | kOut, kTensors,
                      R"(The lesser of each pair of elements; a nan counts only where both are.

Shapes broadcast. Raises RuntimeError when they do not.

>>> steep.fmin(steep.tensor([1.0, steep.nan]), steep.tensor([0.0, 2.0]))
tensor([0., 2.])
)");
  static constexpr const char* kNanToNum =
      "(input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None "
      "= None) -> Tensor";
  registry.add<&nan_to_num>("nan_to_num", kBoth | kOut, kNanToNum,
                            R"(The elements with numbers in place of nan and the infinities.

nan becomes 0 unless said, infinities the largest numbers of the dtype. Shape: any, kept.

>>> steep.nan_to_num(steep.tensor([steep.nan, steep.inf, 1.0]), posinf=9.0)
tensor([0., 9., 1.])
)");
  registry.add_inplace<&nan_to_num>("nan_to_num_", kNanToNum, "In-place form of nan_to_num.",
                                    "nan_to_num");
  registry.add_inplace<&heaviside>("heaviside_", "(input: Tensor, values: Tensor) -> Tensor",
                                   "In-place form of heaviside.", "heaviside");
  registry.add<&heaviside>(
      "heaviside", kBoth | kOut, "(input: Tensor, values: Tensor) -> Tensor",
      R"(1 where input is positive, 0 where it is negative, values where it is 0.

Shapes broadcast. Raises RuntimeError when dtypes differ, NotImplementedError where a gradient is
asked for.

>>> steep.heaviside(steep.tensor([-1.0, 0.0, 2.0]), steep.tensor(0.5))
tensor([0.0000, 0.5000, 1.0000])
)");
}

void register_powers(Registry& registry) {
  registry.add<&float_power>("float_power", kBoth | kOut,
                             "(input: Tensor | Number, exponent: Tensor | Number) -> Tensor",
                             R"(input^exponent, computed in float64 whatever the dtypes.

Shapes broadcast. Raises RuntimeError when they do not.

>>> steep.float_power(steep.tensor([1, 2, 3]), 2)
tensor([1., 4., 9.], dtype=steep.float64)
)");
  registry.add<&float_power_>("float_power_", kMethod,
                              "(input: Tensor, exponent: Tensor | Number) -> Tensor",
                              "In-place form of float_power.", "float_power");
  registry.add<&rsub>("rsub", kFunction,
                      "(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor",
                      R"(other - alpha * input: sub with its operands exchanged.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast, and for bools.

>>> steep.rsub(steep.tensor([1.0, 2.0]), 10)
tensor([9., 8.])
)");
}

void register_combine(Registry& registry) {
  register_mixtures(registry);
  register_bounds(registry);
  register_powers(registry);
}

const Registration registered("arithmetic", register_combine);

}  // namespace

}  // namespace steep::ops
