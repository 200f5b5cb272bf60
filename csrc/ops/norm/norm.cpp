// Layer normalisation, and division by the root mean square.
#include "kernels/norm/layer_norm.h"
#include "ops/ops.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "tensor/element.h"

namespace steep::ops {

namespace {

// Both kernels have a tensor of x's size fourth: x itself, or the gradient of the result.
void check_parameter(const char* op, const char* what, const Tensor& x, const Tensor& parameter,
                     const Dims& shape) {
  if (!parameter.defined()) return;
  if (parameter.shape() != shape) {
    fail(ErrorKind::runtime, op,
         join(what, " to be of same shape as normalized_shape = ", to_string(shape)),
         join(what, " of shape ", to_string(parameter.shape())));
  }
  if (parameter.dtype() != x.dtype()) {
    fail(ErrorKind::runtime, op, "input, weight and bias to have the same dtype",
         join(name(x.dtype()), " and ", name(parameter.dtype())),
         "convert the input with .to(dtype), or the module");
  }
}

void check_layer_norm(const char* op, const Tensor& x, const Dims& shape, const Tensor& weight,
                      const Tensor& bias) {
  if (shape.size() == 0) {
    fail(ErrorKind::runtime, op,
         "normalized_shape to be at least 1-dimensional, i.e., containing at least one element",
         "normalized_shape = []", "give the sizes of the dimensions to normalise over");
  }
  const int lead = x.dim() - shape.size();
  bool fits = lead >= 0;
  for (int d = 0; fits && d < shape.size(); ++d) fits = x.size(lead + d) == shape[d];
  if (!fits) {
    const std::string sizes = to_string(shape);
    fail(ErrorKind::runtime, op,
         join("input with shape [*, ", sizes.substr(1), ", given normalized_shape=", sizes),
         join("input of size ", to_string(x.shape())),
         "normalized_shape must be the input's last sizes");
  }
  check_parameter(op, "weight", x, weight, shape);
  check_parameter(op, "bias", x, bias, shape);
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::not_implemented, op, "a floating-point input", name(x.dtype()),
         "convert with .float() first");
  }
}

// What the rule knows beside tensors: x as [rows, n], whose last dimensions are normalised.
struct Normalised {
  int64_t rows, n;
  Dims shape;  // of the last dimensions
  Dims dims;   // which they are
  double eps;
  bool centred;
};

Normalised normalised(const Tensor& x, const Dims& shape, double eps, bool centred) {
  Normalised how{1, count(shape), shape, {}, eps, centred};
  const int lead = x.dim() - shape.size();
  for (int d = 0; d < x.dim(); ++d) {
    if (d < lead) {
      how.rows *= x.size(d);
    } else {
      how.dims.push_back(d);
    }
  }
  return how;
}

Tensor sum_over_rows(const Tensor& x, const Normalised& how) {
  return sum_to(x, how.shape, x.dtype());
}

// In differentiable operations; only what is wanted.
void composite_backward(const Tensor& grad, const Tensor& x, const Tensor& weight,
                        const Normalised& how, Grads& grads) {
  const auto mean_of = [&](const Tensor& t) { return mean(t, how.dims, true, std::nullopt); };
  const Tensor centred = how.centred ? sub(x, mean_of(x)) : x;
  const Tensor scale = rsqrt(add(mean_of(square(centred)), Number(how.eps)));
  const Tensor y = mul(centred, scale);
  if (grads.wanted(0)) {
    const Tensor g = weight.defined() ? mul(grad, weight) : grad;
    const Tensor own = how.centred ? sub(g, mean_of(g)) : g;
    grads[0] = mul(scale, sub(own, mul(y, mean_of(mul(g, y)))));
  }
  if (grads.wanted(1)) grads[1] = sum_over_rows(mul(grad, y), how);
  if (grads.wanted(2)) grads[2] = sum_over_rows(grad, how);
}

void fused_backward(const Tensor& grad, const Tensor& x, const Tensor& weight, const Tensor& mean,
                    const Tensor& rstd, const Normalised& how, Grads& grads) {
  Tensor made[3];
  for (int i = 0; i < 3; ++i) {
    if (!grads.wanted(i)) continue;
    const Dims& shape = i == 0 ? x.shape() : how.shape;
    made[i] = x.numel() > 0 ? empty(shape, x.dtype()) : zeros(shape, x.dtype());
    grads[i] = made[i];
  }
  if (x.numel() == 0) return;
  const bool sums = made[1].defined() || made[2].defined();
  const Tensor rows = contiguous(grad);
  program::launch(kernels::kLayerNormBackward, x.dtype(),
                  {made[0], made[1], made[2], rows, x, mean, rstd, weight},
                  kernels::LayerNormBackward{how.rows, how.n, how.centred, sums});
}

void record_norm(const char* op, const Tensor& out, const Tensor& x, const Tensor& weight,
                 const Tensor& bias, const Tensor& mean, const Tensor& rstd,
                 const Normalised& how) {
  const bool by_x = tape::requires_grad(x);
  const bool by_weight = weight.defined() && tape::requires_grad(weight);
  record(op, out, {x, weight, bias},
         [x = Saved(x, by_x || by_weight), weight = Saved(weight, by_x),
          mean = Saved(mean, by_x || by_weight), rstd = Saved(rstd, by_x || by_weight),
          how](const Tensor& grad, Grads& grads) {
           if (!grads.wanted(0) && !grads.wanted(1)) {
             grads[2] = sum_over_rows(grad, how);
           } else if (tape::grad_enabled()) {
             composite_backward(grad, x.get(), weight.get(), how, grads);
           } else {
             fused_backward(grad, x.get(), weight.get(), mean.get(), rstd.get(), how, grads);
           }
         });
}

Tensor normalise(const char* op, const Tensor& input, const Tensor& weight, const Tensor& bias,
                 const Normalised& how) {
  const Tensor x = contiguous(input);
  const Tensor w = weight.defined() ? contiguous(weight) : weight;
  const Tensor b = bias.defined() ? contiguous(bias) : bias;
  const Tensor out = empty(x.shape(), x.dtype());
  const Tensor mean = empty({how.rows}, x.dtype()), rstd = empty({how.rows}, x.dtype());
  if (x.numel() > 0) {
    program::launch(kernels::kLayerNorm, x.dtype(), {out, mean, rstd, x, w, b},
                    kernels::LayerNorm{how.rows, how.n, how.centred, how.eps});
  }
  if (wanted(x, w, b)) record_norm(op, out, x, w, b, mean, rstd, how);
  return out;
}

}  // namespace

Tensor layer_norm(const Tensor& input, const Dims& normalized_shape, const Tensor& weight,
                  const Tensor& bias, double eps) {
  check_layer_norm("layer_norm", input, normalized_shape, weight, bias);
  return normalise("layer_norm", input, weight, bias,
                   normalised(input, normalized_shape, eps, true));
}

namespace {

Tensor rms_norm(const Tensor& input, const Dims& normalized_shape, const Tensor& weight,
                std::optional<double> eps) {
  check_layer_norm("rms_norm", input, normalized_shape, weight, {});
  return normalise("rms_norm", input, weight, {},
                   normalised(input, normalized_shape, eps ? *eps : epsilon(input.dtype()), false));
}

void register_norm(Registry& registry) {
  registry.add<&layer_norm>(
      "layer_norm", kFunction | kFunctional,
      "(input: Tensor, normalized_shape: Dims, weight: Tensor | None = None, bias: Tensor | None = "
      "None, eps: float = 1e-05) -> Tensor",
      R"(Layer normalisation (Ba, Kiros and Hinton): (x - mean) / sqrt(var + eps) * weight + bias.

mean and var, the biased variance, are those of the last dimensions, whose sizes are
normalized_shape; weight and bias have that shape, and are 1 and 0 where left out ("Layer
Normalization", 2016). Shape: input (*, normalized_shape), kept; normalized_shape may be one int.

Raises RuntimeError where normalized_shape is empty or not the input's last sizes, and where weight
or bias is of another shape or dtype; NotImplementedError for an integer input.

>>> steep.nn.functional.layer_norm(steep.tensor([[1.0, 3.0], [0.0, 4.0]]), (2,), eps=0.0)
tensor([[-1.,  1.],
        [-1.,  1.]])
)");
  registry.add<&rms_norm>(
      "rms_norm", kFunction | kFunctional,
      "(input: Tensor, normalized_shape: Dims, weight: Tensor | None = None, eps: float | None = "
      "None) -> Tensor",
      R"(Root mean square normalisation (Zhang and Sennrich): x / sqrt(mean(x ** 2) + eps) * weight.

The mean is that of the last dimensions, whose sizes are normalized_shape; weight has that shape,
and is 1 where left out; eps is the dtype's where left out ("Root Mean Square Layer Normalization",
2019). Shape: input (*, normalized_shape), kept; normalized_shape may be one int.

Raises RuntimeError where normalized_shape is empty or not the input's last sizes, and where weight
is of another shape or dtype; NotImplementedError for an integer input.

>>> steep.nn.functional.rms_norm(steep.tensor([[1.0, 7.0], [0.0, 2.0]]), (2,), eps=0.0)
tensor([[0.2000, 1.4000],
        [0.0000, 1.4142]])
)");
}

const Registration registered("normalisation", register_norm);

}  // namespace

}  // namespace steep::ops
