// Activation functions. A fused backward kernel does the plain pass; where the pass itself is recorded, the rule is
// written in differentiable operations.
#include "ops/elementwise/activation.h"

#include "ops/elementwise/math.h"
#include "ops/registry.h"

namespace steep::ops {

void need_floating(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype()))
    throw Error(ErrorKind::not_implemented,
                join("\"", op, "\" not implemented for '", name(x.dtype()),
                     "'; convert with .float() first"));
}

Tensor activate(const ComposedActivation& how, const Tensor& x, bool inplace, double first,
                double second) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = how.whole ? unary(*how.whole, x) : how.value(x, first, second);
  }
  if (wanted(x)) {
    record(
        how.name, out, {x},
        [x = Saved(inplace ? clone(x) : x), how, first, second](const Tensor& grad, Grads& grads) {
          grads[0] = how.back && !tape::grad_enabled() ? fused(*how.back, grad, x.get())
                                                       : how.slope(grad, x.get(), first, second);
        });
  }
  return inplace ? assign(how.name, x, out) : out;
}

namespace {

Tensor with_parameter(const Kernel& kernel, const Tensor& x, double parameter) {
  Tensor out = empty_like(x, x.dtype());
  program::launch(kernel, x.dtype(), {out, x, Number(parameter)});
  return out;
}
}  // namespace

Tensor relu(const Tensor& x) {
  if (x.dtype() == DType::boolean)
    throw Error(ErrorKind::runtime,
                "relu: Boolean inputs not supported; convert with .float() first");
  Tensor out = unary(kernels::kRelu, x);
  if (wanted(x)) {
    record("relu", out, {x}, [out = Saved::output(out)](const Tensor& grad, Grads& grads) {
      const Tensor y = out.get();
      grads[0] = tape::grad_enabled() ? where(le({y, {}}, {{}, 0}), TensorOrNumber{{}, 0.0},
                                              TensorOrNumber{grad, {}})
                                      : fused(kernels::kReluBackward, grad, y);
    });
  }
  return out;
}

Tensor leaky_relu(const Tensor& x, double negative_slope, bool inplace) {
  need_floating("leaky_relu", x);
  check_fits("leaky_relu", negative_slope, x.dtype());
  Tensor out = with_parameter(kernels::kLeakyRelu, x, negative_slope);
  if (wanted(x)) {
    // Only the sign is needed. A positive slope keeps it in the result, which outlives a call in
    // place; x does not.
    record("leaky_relu", out, {x},
           [signs = negative_slope > 0 ? Saved::output(out) : Saved(inplace ? clone(x) : x),
            negative_slope](const Tensor& grad, Grads& grads) {
             const Tensor at = signs.get();
             grads[0] = tape::grad_enabled()
                            ? where(gt({at, {}}, {{}, 0}), TensorOrNumber{grad, {}},
                                    TensorOrNumber{mul(grad, Number(negative_slope)), {}})
                            : fused(kernels::kLeakyReluBackward, grad, at, negative_slope);
           });
  }
  return inplace ? assign("leaky_relu_", x, out) : out;
}

Tensor elu(const Tensor& x, double alpha, bool inplace) {
  need_floating("elu", x);
  check_fits("elu", alpha, x.dtype());
  Tensor out = with_parameter(kernels::kElu, x, alpha);
  if (wanted(x)) {
    // The slope below zero is alpha * e^x, which is out + alpha.
    record("elu", out, {x},
           [x = Saved(inplace && alpha < 0 ? clone(x) : x, alpha < 0), out = Saved::output(out),
            alpha](const Tensor& grad, Grads& grads) {
             const Tensor y = out.get();
             if (!tape::grad_enabled() && !x.defined()) {
               grads[0] = fused(kernels::kEluBackward, grad, y, alpha);
               return;
             }
             const Tensor below = le({x.defined() ? x.get() : y, {}}, {{}, 0});
             grads[0] = where(below, TensorOrNumber{mul(grad, add(y, Number(alpha))), {}},
                              TensorOrNumber{grad, {}});
           });
  }
  return inplace ? assign("elu_", x, out) : out;
}

Tensor silu(const Tensor& x, bool inplace) {
  need_floating("silu", x);
  Tensor out = unary(kernels::kSilu, x);
  if (wanted(x)) {
    // Its slope is not a function of its result: a call in place keeps a copy of x.
    record("silu", out, {x}, [x = Saved(inplace ? clone(x) : x)](const Tensor& grad, Grads& grads) {
      const Tensor at = x.get();
      if (!tape::grad_enabled()) {
        grads[0] = fused(kernels::kSiluBackward, grad, at, Number(0.0));
        return;
      }
      const Tensor s = sigmoid(at);
      grads[0] = mul(grad, add(s, mul(mul(at, s), sub({{}, 1}, {s, {}}, 1))));
    });
  }
  return inplace ? assign("silu_", x, out) : out;
}

namespace {
constexpr double kSqrtHalf = 0.7071067811865476, kInverseSqrtTwoPi = 0.3989422804014327;
constexpr double kSqrtTwoOverPi = 0.7978845608028654, kCubic = 0.044715;

Tensor gelu_exact_slope(const Tensor& x) {
  const Tensor cumulative = mul(add(erf(mul(x, Number(kSqrtHalf))), Number(1)), Number(0.5));
  const Tensor density = mul(exp(mul(square(x), Number(-0.5))), Number(kInverseSqrtTwoPi));
  return add(cumulative, mul(x, density));
}

Tensor gelu_tanh_slope(const Tensor& x) {
  const Tensor squared = square(x);
  const Tensor inner =
      mul(mul(x, add(mul(squared, Number(kCubic)), Number(1))), Number(kSqrtTwoOverPi));
  const Tensor t = tanh(inner);
  const Tensor inner_slope =
      mul(add(mul(squared, Number(3 * kCubic)), Number(1)), Number(kSqrtTwoOverPi));
  const Tensor bend = mul(mul(x, sub({{}, 1}, {square(t), {}}, 1)), inner_slope);
  return mul(add(add(t, Number(1)), bend), Number(0.5));
}
}  // namespace

Tensor gelu(const Tensor& x, const std::string& approximate) {
  need_floating("gelu", x);
  if (approximate != "none" && approximate != "tanh")
    fail(ErrorKind::runtime, "gelu", "approximate argument must be either none or tanh",
         "'" + approximate + "'");
  const bool by_tanh = approximate == "tanh";
  Tensor out = unary(by_tanh ? kernels::kGeluTanh : kernels::kGelu, x);
  if (wanted(x)) {
    record("gelu", out, {x}, [x = Saved(x), by_tanh](const Tensor& grad, Grads& grads) {
      const Tensor at = x.get();
      if (by_tanh) {
        grads[0] = mul(grad, gelu_tanh_slope(at));
      } else {
        grads[0] = tape::grad_enabled() ? mul(grad, gelu_exact_slope(at))
                                        : fused(kernels::kGeluBackward, grad, at, Number(0.0));
      }
    });
  }
  return out;
}

Tensor softplus(const Tensor& x, double beta, double threshold) {
  need_floating("softplus", x);
  check_fits("softplus", beta, x.dtype());
  check_fits("softplus", threshold, x.dtype());
  // log(1 + e^(beta x)) / beta; the identity where beta x passes the threshold.
  Tensor out;
  {
    const tape::GradMode unrecorded(false);
    const Tensor scaled = beta == 1 ? x : mul(x, Number(beta));
    const Tensor curve = beta == 1 ? unary(kernels::kSoftplus, scaled)
                                   : div(unary(kernels::kSoftplus, scaled), Number(beta));
    out =
        where(gt({scaled, {}}, {{}, threshold}), TensorOrNumber{x, {}}, TensorOrNumber{curve, {}});
  }
  if (wanted(x)) {
    record("softplus", out, {x}, [x = Saved(x), beta, threshold](const Tensor& grad, Grads& grads) {
      const Tensor scaled = mul(x.get(), Number(beta));
      grads[0] = where(gt({scaled, {}}, {{}, threshold}), TensorOrNumber{grad, {}},
                       TensorOrNumber{mul(grad, sigmoid(scaled)), {}});
    });
  }
  return out;
}

Tensor log_one_plus_exp(const Tensor& x) {
  const Tensor out = unary(kernels::kSoftplus, x);
  if (wanted(x)) {
    record("softplus", out, {x}, [x = Saved(x)](const Tensor& grad, Grads& grads) {
      grads[0] = mul(grad, sigmoid(x.get()));
    });
  }
  return out;
}

namespace {
// nn.functional's spelling, which may write into its input.
Tensor relu_function(const Tensor& x, bool inplace) {
  return inplace ? assign("relu_", x, relu(x)) : relu(x);
}

void register_activation(Registry& registry) {
  registry.add<&relu_function>(
      "relu", kFunction | kFunctional, "(input: Tensor, inplace: bool | int = False) -> Tensor",
      R"(Rectified linear unit: out = max(input, 0). Its gradient at 0 is 0.

Shape: any, kept. Nair and Hinton, 2010. Raises RuntimeError for bool.

>>> steep.relu(steep.tensor([-1.0, 2.0]))
tensor([0., 2.])
)");
  registry.add_module("relu", "activation.ReLU", R"(``max(0, x)``, elementwise.

Args:
    inplace: write the result into the input. Default: ``False``.

Example:
    >>> import steep
    >>> steep.nn.ReLU()(steep.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
)");
  registry.add<&relu>("relu", kMethod, "(input: Tensor) -> Tensor", "See relu(input).");
  registry.add_inplace<&relu>("relu_", "(input: Tensor) -> Tensor", "In-place form of relu.",
                              "relu", kMethod | kFunction | kFunctional);
  registry.add<&leaky_relu>(
      "leaky_relu", kFunctional,
      "(input: Tensor, negative_slope: float = 0.01, inplace: bool | int = False) -> Tensor",
      R"(Leaky rectifier: input where it is positive, negative_slope * input elsewhere.

Shape: any, kept. Maas, Hannun and Ng, 2013. Raises NotImplementedError for integers, and RuntimeError for a
negative_slope beyond the input's dtype.

>>> steep.nn.functional.leaky_relu(steep.tensor([-1.0, 2.0]), 0.1)
tensor([-0.1000,  2.0000])
)");
  registry.add_module(
      "leaky_relu", "activation.LeakyReLU",
      R"(``x`` where it is positive, ``negative_slope * x`` elsewhere (Maas et al., 2013).

Args:
    negative_slope: slope below zero. Default: 0.01.
    inplace: write the result into the input. Default: ``False``.

Example:
    >>> import steep
    >>> steep.nn.LeakyReLU(0.5)(steep.tensor([-1.0, 2.0])).tolist()
    [-0.5, 2.0]
)");
  registry.add<&elu>(
      "elu", kFunctional,
      "(input: Tensor, alpha: float = 1.0, inplace: bool | int = False) -> Tensor",
      R"(Exponential linear unit: input where it is positive, alpha * (e^input - 1) elsewhere.

Shape: any, kept. Clevert, Unterthiner and Hochreiter, 2015. Raises NotImplementedError for integers, and RuntimeError
for an alpha beyond the input's dtype.

>>> steep.nn.functional.elu(steep.tensor([-1.0, 2.0]))
tensor([-0.6321,  2.0000])
)");
  registry.add_module(
      "elu", "activation.ELU",
      R"(``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al., ICLR 2016).

Args:
    alpha: minus the limit at minus infinity. Default: 1.
    inplace: write the result into the input. Default: ``False``.

Example:
    >>> import steep
    >>> steep.nn.ELU()(steep.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
)");
  registry.add<&silu>("silu", kFunctional, "(input: Tensor, inplace: bool | int = False) -> Tensor",
                      R"(Swish, or sigmoid linear unit: out = input * sigmoid(input).

Shape: any, kept. Hendrycks and Gimpel, 2016. Raises NotImplementedError for integers.

>>> steep.nn.functional.silu(steep.tensor([-1.0, 2.0]))
tensor([-0.2689,  1.7616])
)");
  registry.add_module("silu", "activation.SiLU",
                      R"(``x * sigmoid(x)``, elementwise (Hendrycks and Gimpel, 2016).

Args:
    inplace: write the result into the input. Default: ``False``.

Example:
    >>> import steep
    >>> steep.nn.SiLU()(steep.zeros(1)).tolist()
    [0.0]
)");
  registry.add<&gelu>(
      "gelu", kFunctional | kOut, "(input: Tensor, approximate: str = 'none') -> Tensor",
      R"(Gaussian error linear unit: out = input * Phi(input), Phi the normal cumulative; or its tanh approximation.

Shape: any, kept. Hendrycks and Gimpel, 2016. Raises RuntimeError for another approximation than 'none' or 'tanh'.

>>> steep.nn.functional.gelu(steep.tensor([-1.0, 2.0]))
tensor([-0.1587,  1.9545])
)");
  registry.add_module(
      "gelu", "activation.GELU",
      R"(``x`` times the normal distribution's share below it (Hendrycks and Gimpel, 2016).

Args:
    approximate: ``'none'`` (default) for the exact function, ``'tanh'`` for the approximation
        by a hyperbolic tangent.

Example:
    >>> import steep
    >>> steep.nn.GELU()(steep.zeros(1)).tolist()
    [0.0]
)");
  registry.add<&softplus>(
      "softplus", kFunctional | kOut,
      "(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor",
      R"(Smooth rectifier: out = log(1 + e^(beta * input)) / beta; the input itself where beta * input > threshold.

Shape: any, kept. Dugas et al., 2001. Raises NotImplementedError for integers, and RuntimeError for a beta or
threshold beyond the input's dtype.

>>> steep.nn.functional.softplus(steep.tensor([0.0, 2.0]))
tensor([0.6931, 2.1269])
)");
  registry.add_module("softplus", "activation.Softplus",
                      R"(``log(1 + exp(beta * x)) / beta``, a smooth `ReLU`.

Args:
    beta: how sharp the bend is. Default: 1.
    threshold: where ``beta * x`` exceeds it, `x` itself is returned. Default: 20.

Example:
    >>> import steep
    >>> round(steep.nn.Softplus()(steep.zeros(1)).item(), 4)
    0.6931
)");
}

const Registration registered("activation", register_activation);

}  // namespace

}  // namespace steep::ops
