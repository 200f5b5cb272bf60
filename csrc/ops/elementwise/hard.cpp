// Activations in straight lines: cut off at bounds, or shrunk around 0.
#include "ops/elementwise/activation.h"
#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

Tensor bounded(const Tensor& x, double low, double high) {
  return clamp(x, TensorOrNumber{{}, low}, TensorOrNumber{{}, high});
}

// A bound of integers is taken without its fraction.
Tensor bounded_integers(const Tensor& x, double low, double high) {
  return clamp(x, TensorOrNumber{{}, static_cast<int64_t>(low)},
               TensorOrNumber{{}, static_cast<int64_t>(high)});
}

Tensor hardtanh_slope(const Tensor& grad, const Tensor& x, double low, double high) {
  const Tensor outside = bitwise_or({le({x, {}}, {{}, low}), {}}, {ge({x, {}}, {{}, high}), {}});
  return where(outside, TensorOrNumber{{}, 0.0}, TensorOrNumber{grad, {}});
}

Tensor cut_off(const char* op, const Tensor& x, double low, double high, bool inplace) {
  if (x.dtype() == DType::boolean)
    throw Error(ErrorKind::runtime,
                join(op, ": Bool inputs not supported; convert with .float() first"));
  check_fits(op, low, x.dtype());
  check_fits(op, high, x.dtype());
  if (low > high)
    fail(ErrorKind::value, op, "min_val to be no more than max_val",
         join("min_val=", low, " and max_val=", high), "min_val cannot be greater than max_val");
  if (is_floating(x.dtype())) return activate({op, bounded, hardtanh_slope}, x, inplace, low, high);
  const Tensor out = bounded_integers(x, low, high);
  return inplace ? assign(op, x, out) : out;
}

Tensor hardtanh(const Tensor& x, double low, double high, bool inplace) {
  return cut_off("hardtanh", x, low, high, inplace);
}

Tensor relu6(const Tensor& x, bool inplace) {
  if (!is_floating(x.dtype())) return cut_off("relu6", x, 0, 6, inplace);
  Tensor out;
  {
    const tape::GradMode off(false);
    out = bounded(x, 0, 6);
  }
  if (wanted(x)) {
    // The result says where it was cut off, and outlives a call in place.
    record("relu6", out, {x}, [out = Saved::output(out)](const Tensor& grad, Grads& grads) {
      const Tensor y = out.get();
      grads[0] = tape::grad_enabled() ? hardtanh_slope(grad, y, 0, 6)
                                      : fused(kernels::kRelu6Backward, grad, y);
    });
  }
  return inplace ? assign("relu6_", x, out) : out;
}

// min(max(x + 3, 0), 6) / 6
Tensor ramp(const Tensor& x, double, double) {
  return div(bounded(add(x, Number(3)), 0, 6), Number(6));
}
Tensor ramp_slope(const Tensor& grad, const Tensor& x, double, double) {
  return where(lt({abs(x), {}}, {{}, 3}), div(grad, Number(6)), Number(0.0));
}

Tensor hardsigmoid(const Tensor& x, bool inplace) {
  need_floating("hardsigmoid", x);
  return activate({"hardsigmoid", ramp, ramp_slope}, x, inplace);
}

// Where the ramp is 0 the factor is finite.
Tensor swish(const Tensor& x, double, double) {
  return mul(clamp(x, TensorOrNumber{{}, -3}, {}), ramp(x, 0, 0));
}
Tensor swish_slope(const Tensor& grad, const Tensor& x, double, double) {
  const Tensor inner = mul(grad, add(div(x, Number(3)), Number(0.5)));
  const Tensor rising =
      where(lt({x, {}}, {{}, 3}), TensorOrNumber{inner, {}}, TensorOrNumber{grad, {}});
  return where(le({x, {}}, {{}, -3}), TensorOrNumber{{}, 0.0}, TensorOrNumber{rising, {}});
}

Tensor hardswish(const Tensor& x, bool inplace) {
  need_floating("hardswish", x);
  return activate(
      {"hardswish", swish, swish_slope, &kernels::kHardswish, &kernels::kHardswishBackward}, x,
      inplace);
}

Tensor threshold(const Tensor& x, const Number& bound, const Number& value, bool inplace) {
  if (x.dtype() == DType::boolean)
    throw Error(ErrorKind::not_implemented,
                "\"threshold\" not implemented for 'bool'; convert with .float() first");
  const auto fitted = [&](const Number& number) {
    check_fits("threshold", number, x.dtype());
    return is_floating(x.dtype()) ? number : Number(number.to_int());
  };
  const Tensor below = le({x, {}}, {{}, fitted(bound)});
  const Tensor out = where(below, TensorOrNumber{{}, fitted(value)}, TensorOrNumber{x, {}});
  return inplace ? assign("threshold_", x, out) : out;
}

void check_lambda(const char* op, const Tensor& x, double lambd, bool negative) {
  need_floating(op, x);
  check_fits(op, lambd, x.dtype());
  if (!negative && !(lambd >= 0)) fail(ErrorKind::runtime, op, "lambd of at least 0", join(lambd));
}

Tensor hardshrink(const Tensor& x, double lambd) {
  check_lambda("hardshrink", x, lambd, true);
  return where(le({abs(x), {}}, {{}, lambd}), TensorOrNumber{{}, 0.0}, TensorOrNumber{x, {}});
}

Tensor softshrink(const Tensor& x, double lambd) {
  check_lambda("softshrink", x, lambd, false);
  return sub(x, bounded(x, -lambd, lambd));
}

Tensor tanhshrink(const Tensor& x) { return sub(x, tanh(x)); }

void register_cut_off(Registry& registry) {
  registry.add<&hardtanh>("hardtanh", kFunctional,
                          "(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: "
                          "bool | int = False) -> Tensor",
                          R"(Cuts off at two bounds: min(max(input, min_val), max_val).

Shape: any. Its gradient at the bounds is 0. Raises ValueError for a min_val above max_val.

>>> steep.nn.functional.hardtanh(steep.tensor([-3.0, 0.5]))
tensor([-1.0000,  0.5000])
)");
  registry.add_module("hardtanh", "activation.Hardtanh");
  registry.add<&relu6>("relu6", kFunctional,
                       "(input: Tensor, inplace: bool | int = False) -> Tensor",
                       R"(Rectifier cut off at 6: min(max(input, 0), 6).

Shape: any. Its gradient at 0 and 6 is 0. Raises RuntimeError for bool.

>>> steep.nn.functional.relu6(steep.tensor([-1.0, 8.0]))
tensor([0., 6.])
)");
  registry.add_module("relu6", "activation.ReLU6");
  registry.add<&hardsigmoid>("hardsigmoid", kFunctional,
                             "(input: Tensor, inplace: bool | int = False) -> Tensor",
                             R"(A sigmoid in straight lines: min(max(input + 3, 0), 6) / 6.

Shape: any. Courbariaux et al., 2015. Raises NotImplementedError for integers.

>>> steep.nn.functional.hardsigmoid(steep.tensor([-4.0, 0.0]))
tensor([0.0000, 0.5000])
)");
  registry.add_module("hardsigmoid", "activation.Hardsigmoid");
  registry.add<&hardswish>("hardswish", kFunctional,
                           "(input: Tensor, inplace: bool | int = False) -> Tensor",
                           R"(A silu in straight lines: input * hardsigmoid(input).

Shape: any. Howard et al., 2019. Raises NotImplementedError for integers.

>>> steep.nn.functional.hardswish(steep.tensor([-4.0, 3.0]))
tensor([-0.,  3.])
)");
  registry.add_module("hardswish", "activation.Hardswish");
}

void register_shrink(Registry& registry) {
  registry.add<&threshold>("threshold", kFunction | kFunctional,
                           "(input: Tensor, threshold: Number, value: Number, inplace: bool | int "
                           "= False) -> Tensor",
                           R"(The input where it is above threshold, value elsewhere.

Shape: any. Raises RuntimeError for numbers beyond the input's dtype.

>>> steep.threshold(steep.tensor([-1.0, 2.0]), 0.5, 9.0)
tensor([9., 2.])
)");
  registry.add_module("threshold", "activation.Threshold");
  registry.add<&hardshrink>("hardshrink", kBoth | kFunctional | kOut,
                            "(input: Tensor, lambd: float = 0.5) -> Tensor",
                            R"(0 from -lambd to lambd, the input elsewhere.

Shape: any. Raises NotImplementedError for integers.

>>> steep.hardshrink(steep.tensor([0.2, 2.0]))
tensor([0., 2.])
)");
  registry.add_module("hardshrink", "activation.Hardshrink", nullptr, nullptr, "{lambd}");
  registry.add<&softshrink>("softshrink", kFunctional | kOut,
                            "(input: Tensor, lambd: float = 0.5) -> Tensor",
                            R"(The input, lambd nearer to 0; 0 from -lambd to lambd.

Shape: any. Raises NotImplementedError for integers, RuntimeError for a negative lambd.

>>> steep.nn.functional.softshrink(steep.tensor([0.2, 2.0]))
tensor([0.0000, 1.5000])
)");
  registry.add_module("softshrink", "activation.Softshrink", nullptr, nullptr, "{lambd}");
  registry.add<&tanhshrink>("tanhshrink", kFunctional, "(input: Tensor) -> Tensor",
                            R"(input - tanh(input).

Shape: any. Integers become floating numbers. Raises RuntimeError for bool.

>>> steep.nn.functional.tanhshrink(steep.tensor([0.0, 2.0]))
tensor([0.0000, 1.0360])
)");
  registry.add_module("tanhshrink", "activation.Tanhshrink");
}

void register_hard(Registry& registry) {
  register_cut_off(registry);
  register_shrink(registry);
}

const Registration registered("activation", register_hard);

}  // namespace

}  // namespace steep::ops
