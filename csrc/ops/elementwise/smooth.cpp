// Activations without corners, and those with a slope or a gate that is given.
#include "ops/elementwise/activation.h"
#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

constexpr double kAlpha = 1.6732632423543772, kScale = 1.0507009873554805;

Tensor selu(const Tensor& x, bool inplace) {
  need_floating("selu", x);
  const Tensor out = mul(elu(x, kAlpha, false), Number(kScale));
  return inplace ? assign("selu_", x, out) : out;
}

// x where it is negative, or NaN; 0 elsewhere, so that products and powers of it are finite.
Tensor negative_part(const Tensor& x) {
  return where(gt({x, {}}, {{}, 0}), TensorOrNumber{{}, 0.0}, TensorOrNumber{x, {}});
}

Tensor scaled_exp(const Tensor& x, double alpha, Tensor (*function)(const Tensor&)) {
  return function(div(negative_part(x), Number(alpha)));
}

Tensor celu_value(const Tensor& x, double alpha, double) {
  const Tensor below = mul(scaled_exp(x, alpha, expm1), Number(alpha));
  return where(gt({x, {}}, {{}, 0}), TensorOrNumber{x, {}}, TensorOrNumber{below, {}});
}
Tensor celu_slope(const Tensor& grad, const Tensor& x, double alpha, double) {
  const Tensor below = mul(grad, scaled_exp(x, alpha, exp));
  return where(le({x, {}}, {{}, 0}), TensorOrNumber{below, {}}, TensorOrNumber{grad, {}});
}

Tensor celu(const Tensor& x, double alpha, bool inplace) {
  need_floating("celu", x);
  check_fits("celu", alpha, x.dtype());
  if (alpha == 0)
    fail(ErrorKind::runtime, "celu", "an alpha that is not 0",
         "0, a ZeroDivisionError: alpha cannot be 0 for CELU");
  return activate({"celu", celu_value, celu_slope}, x, inplace, alpha);
}

// Beyond these bounds all is as at infinity; products with 0 stay 0.
Tensor mish_value(const Tensor& x, double, double) {
  return mul(clamp(x, TensorOrNumber{{}, -1000}, {}), tanh(log_one_plus_exp(x)));
}
Tensor mish_slope(const Tensor& grad, const Tensor& x, double, double) {
  const Tensor at = clamp(x, TensorOrNumber{{}, -1000}, TensorOrNumber{{}, 1000});
  const Tensor t = tanh(log_one_plus_exp(at));
  const Tensor bend = mul(mul(at, sigmoid(at)), sub({{}, 1}, {square(t), {}}, 1));
  return mul(grad, add(t, bend));
}

Tensor mish(const Tensor& x, bool inplace) {
  need_floating("mish", x);
  return activate({"mish", mish_value, mish_slope, &kernels::kMish, &kernels::kMishBackward}, x,
                  inplace);
}

Tensor logsigmoid(const Tensor& x) {
  need_floating("logsigmoid", x);
  return neg(log_one_plus_exp(neg(x)));
}

void check_slopes(const Tensor& x, const Tensor& weight) {
  if (x.dtype() != weight.dtype())
    fail(ErrorKind::runtime, "prelu", "input and weight of one dtype",
         join(name(x.dtype()), " and ", name(weight.dtype())),
         "Type promoting not supported; convert one with .to(dtype)");
  if (weight.dim() > 1)
    fail(ErrorKind::runtime, "prelu", "weight to be a scalar or 1D tensor",
         join("weight of shape ", to_string(weight.shape())));
  const int64_t channels = x.dim() < 2 ? 1 : x.size(1);
  if (weight.numel() != 1 && weight.numel() != channels)
    fail(ErrorKind::runtime, "prelu", "one slope, or one for each channel of input",
         join("a mismatch of parameter numbers and input channel size: ", weight.numel(),
              " slopes and ", channels, " channels in input of shape ", to_string(x.shape())));
}

Tensor prelu(const Tensor& x, const Tensor& weight) {
  need_floating("prelu", x);
  check_slopes(x, weight);
  Tensor slopes = weight;
  if (weight.dim() == 1) {
    Dims shape(x.dim(), 1);
    if (x.dim() > 1) shape[1] = weight.numel();
    slopes = reshape(weight, shape);
  }
  // Of what is positive nothing reaches the product: infinity times no gradient is NaN.
  return where(gt({x, {}}, {{}, 0}), TensorOrNumber{x, {}},
               TensorOrNumber{mul(negative_part(x), slopes), {}});
}

Tensor glu(const Tensor& x, int64_t along) {
  need_floating("glu", x);
  if (x.dim() == 0)
    fail(ErrorKind::runtime, "glu", "a dimension to halve", "a 0-d tensor",
         "glu does not support scalars because halving size must be even");
  const int dim = wrap_dim("glu", along, x.dim());
  const int64_t half = x.size(dim) / 2;
  if (x.size(dim) % 2 != 0)
    fail(ErrorKind::runtime, "glu", "an even size",
         join("dimension ", dim, " of size ", x.size(dim)), "Halving dimension must be even");
  return mul(narrow(x, dim, 0, half), sigmoid(narrow(x, dim, half, half)));
}

void register_units(Registry& registry) {
  registry.add<&selu>("selu", kFunction | kFunctional,
                      "(input: Tensor, inplace: bool | int = False) -> Tensor",
                      R"(Self-normalising elu: 1.0507 * elu(input, 1.6733).

Shape: any. Klambauer et al., 2017. Raises NotImplementedError for integers.

>>> steep.selu(steep.tensor([-1.0, 2.0]))
tensor([-1.1113,  2.1014])
)");
  registry.add_module("selu", "activation.SELU");
  registry.add<&celu>(
      "celu", kFunction | kFunctional,
      "(input: Tensor, alpha: float = 1.0, inplace: bool | int = False) -> Tensor",
      R"(An elu of slope 1 at 0: alpha * (e^(input / alpha) - 1) where input is negative.

Shape: any. Barron, 2017. Raises NotImplementedError for integers, RuntimeError for an alpha of 0.

>>> steep.celu(steep.tensor([-1.0, 2.0]), 0.5)
tensor([-0.4323,  2.0000])
)");
  registry.add_module("celu", "activation.CELU");
  registry.add<&mish>("mish", kFunctional, "(input: Tensor, inplace: bool | int = False) -> Tensor",
                      R"(input * tanh(softplus(input)).

Shape: any. Misra, 2019. Raises NotImplementedError for integers.

>>> steep.nn.functional.mish(steep.tensor([-1.0, 2.0]))
tensor([-0.3034,  1.9440])
)");
  registry.add_module("mish", "activation.Mish");
  registry.add<&logsigmoid>("logsigmoid", kFunctional | kOut, "(input: Tensor) -> Tensor",
                            R"(Logarithm of the sigmoid: -log(1 + e^(-input)).

Shape: any. Raises NotImplementedError for integers.

>>> steep.nn.functional.logsigmoid(steep.tensor([0.0, -200.0]))
tensor([  -0.6931, -200.0000])
)");
  registry.add_module("logsigmoid", "activation.LogSigmoid");
}

void register_smooth(Registry& registry) {
  register_units(registry);
  registry.add<&prelu>("prelu", kBoth | kFunctional, "(input: Tensor, weight: Tensor) -> Tensor",
                       R"(The input where it is positive, weight * input elsewhere.

Shapes: input any; weight one slope, or (C) for dimension 1 of input. He et al., 2015. Raises
RuntimeError for another number of slopes, and for two dtypes.

>>> steep.prelu(steep.tensor([-1.0, 2.0]), steep.tensor([0.1]))
tensor([-0.1000,  2.0000])
)");
  registry.add<&glu>("glu", kFunctional, "(input: Tensor, dim: int = -1) -> Tensor",
                     R"(Gated linear unit: the first half along dim times the sigmoid of the second.

Shape: that of input with half of dim. Dauphin et al., 2016. Raises RuntimeError for an odd size.

>>> steep.nn.functional.glu(steep.tensor([4.0, 0.0]))
tensor([2.])
)");
  registry.add_module("glu", "activation.GLU");
}

const Registration registered("activation", register_smooth);

}  // namespace

}  // namespace steep::ops
