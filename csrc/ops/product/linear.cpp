// The linear layer, alone and with an activation in the product's epilogue.
#include "ops/elementwise/elementwise.h"
#include "ops/ops.h"
#include "ops/product/matmul.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (weight.dim() != 2 && weight.dim() != 1)
    fail(ErrorKind::runtime, "linear", "a weight of shape [out_features, in_features]",
         to_string(weight.shape()));
  if (x.dim() == 0 || x.size(x.dim() - 1) != weight.size(weight.dim() - 1)) {
    throw Error(ErrorKind::runtime,
                join("linear: mat1 and mat2 shapes cannot be multiplied: input ",
                     to_string(x.shape()), " and weight ", to_string(weight.shape()),
                     "; expected the last size of input to be in_features = ",
                     weight.size(weight.dim() - 1)));
  }
  for (const Tensor* other : {&weight, &bias}) {
    if (other->defined() && other->dtype() != x.dtype()) {
      fail(ErrorKind::runtime, "linear", "input, weight and bias to have the same dtype",
           join(name(x.dtype()), " and ", name(other->dtype())),
           "convert the input with .to(dtype), or the module");
    }
  }
  if (!bias.defined()) return;
  if (weight.dim() == 2 && bias.shape() != Dims{weight.size(0)})
    fail(ErrorKind::runtime, "linear", join("a bias of shape [", weight.size(0), "]"),
         to_string(bias.shape()));
  if (weight.dim() == 1 && (bias.numel() != 1 || bias.dim() > 1))
    fail(ErrorKind::runtime, "linear", "a bias of one element beside a weight of one dimension",
         to_string(bias.shape()));
}

// The gradient before the activation, from the gradient after it and the activation's value.
Tensor undo_activation(Activation activation, const Tensor& grad, const Tensor& out) {
  const bool plain = !tape::grad_enabled();
  switch (activation) {
    case Activation::relu:
      return plain
                 ? fused(kernels::kReluBackward, grad, out)
                 : where(le({out, {}}, {{}, 0}), TensorOrNumber{{}, 0.0}, TensorOrNumber{grad, {}});
    case Activation::tanh:
      return plain ? fused(kernels::kTanhBackward, grad, out)
                   : mul(grad, sub({{}, 1}, {square(out), {}}, 1));
    case Activation::sigmoid:
      return plain ? fused(kernels::kSigmoidBackward, grad, out)
                   : mul(grad, mul(sub({{}, 1}, {out, {}}, 1), out));
    default:
      return grad;
  }
}

// The activation by itself.
Tensor activated(Activation activation, const Tensor& x) {
  switch (activation) {
    case Activation::relu:
      return relu(x);
    case Activation::tanh:
      return tanh(x);
    case Activation::sigmoid:
      return sigmoid(x);
    default:
      return x;
  }
}

// A weight for one feature, which the result is without. There is no product of matrices to fuse
// anything into.
Tensor linear_of_vector(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        Activation activation) {
  const Tensor sums = matmul(x, weight);
  return activated(activation, bias.defined() ? add(sums, reshape(bias, {})) : sums);
}

// A matrix of the vectors in x's last dimension. Their number does not follow from that of elements
// where they are empty.
Tensor rows_of(const Tensor& x) {
  if (x.dim() == 2) return x;
  int64_t rows = 1;
  for (int d = 0; d + 1 < x.dim(); ++d) rows *= x.size(d);
  return reshape(x, {rows, x.size(x.dim() - 1)});
}

Activation activation_named(const char* op, const std::string& name) {
  if (name == "relu") return Activation::relu;
  if (name == "tanh") return Activation::tanh;
  if (name == "sigmoid") return Activation::sigmoid;
  fail(ErrorKind::value, op, "'relu', 'tanh' or 'sigmoid'", "'" + name + "'");
}

Tensor linear_with(const Tensor& x, const Tensor& weight, const Tensor& bias,
                   Activation activation) {
  check_linear(x, weight, bias);
  if (weight.dim() == 1) return linear_of_vector(x, weight, bias, activation);
  Dims shape = x.shape();
  shape.back() = weight.size(0);
  Tensor out;
  {
    const tape::GradMode off(false);
    out = product(rows_of(x), t(weight), bias.defined() ? contiguous(bias) : bias, activation);
    if (x.dim() != 2) out = alias(out, shape, contiguous_strides(shape), 0);
  }
  if (wanted(x, weight, bias)) {
    record(
        "linear", out, {x, weight, bias},
        [x = Saved(x, tape::requires_grad(weight)), weight = Saved(weight, tape::requires_grad(x)),
         out = activation == Activation::none ? Saved() : Saved::output(out),
         activation](const Tensor& out_grad, Grads& grads) {
          const Tensor grad = activation == Activation::none
                                  ? out_grad
                                  : undo_activation(activation, out_grad, out.get());
          const Tensor rows = rows_of(grad);
          if (grads.wanted(0)) grads[0] = matmul(grad, weight.get());
          if (grads.wanted(1)) grads[1] = matmul(t(rows), rows_of(x.get()));
          if (grads.wanted(2)) grads[2] = sum(rows, Dims{0}, false, std::nullopt);
        });
  }
  return out;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return linear_with(x, weight, bias, Activation::none);
}

Tensor linear_activation(const Tensor& x, const Tensor& weight, const Tensor& bias,
                         const std::string& activation) {
  return linear_with(x, weight, bias, activation_named("linear_activation", activation));
}

Tensor matmul_activation_backward(const Tensor& x, const Tensor& other, const Tensor& out,
                                  const std::string& activation) {
  static constexpr const char* kName = "matmul_activation_backward";
  const Activation forward = activation_named(kName, activation);
  const Activation backward = forward == Activation::relu   ? Activation::relu_backward
                              : forward == Activation::tanh ? Activation::tanh_backward
                                                            : Activation::sigmoid_backward;
  const bool matrices = x.dim() == 2 && other.dim() == 2;
  if (!matrices || x.size(1) != other.size(0) || out.shape() != Dims{x.size(0), other.size(1)})
    fail(ErrorKind::runtime, kName, "matrices (m, k), (k, n) and (m, n)",
         join(to_string(x.shape()), ", ", to_string(other.shape()), " and ",
              to_string(out.shape())));
  for (const Tensor* operand : {&x, &other, &out}) {
    if (operand->dtype() != x.dtype() || !is_floating(x.dtype()))
      fail(ErrorKind::runtime, kName, "one floating-point dtype",
           join(name(x.dtype()), " and ", name(operand->dtype())),
           "convert the operands with .to(dtype)");
  }
  const tape::GradMode off(false);
  return product(x, other, {}, backward, contiguous(out));
}

namespace {

void register_linear(Registry& registry) {
  registry.add<&linear>(
      "linear", kFunctional | kOut,
      "(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor",
      R"(Affine map of the last dimension: out = input @ weight.T + bias, one kernel.

Shapes: input (..., in_features), weight (out_features, in_features), bias (out_features); out
(..., out_features). A weight (in_features) is one feature, which out is without: out (...), and
bias one element. Raises RuntimeError when shapes or dtypes do not fit.

>>> steep.nn.functional.linear(steep.ones(1, 2), steep.ones(3, 2), steep.tensor([0.0, 1.0, 2.0]))
tensor([[2., 3., 4.]])
)");
  registry.add<&linear_activation>(
      "linear_activation", kInternal,
      "(input: Tensor, weight: Tensor, bias: Tensor | None, activation: str) -> Tensor",
      R"(linear followed by 'relu', 'tanh' or 'sigmoid' in the product's epilogue.

The same bits, one launch and one node. Shapes and errors as linear; ValueError for another activation.

>>> steep._core.linear_activation(steep.ones(1, 2), -steep.ones(1, 2), None, "relu")
tensor([[0.]])
)");
  registry.add<&matmul_activation_backward>(
      "matmul_activation_backward", kInternal,
      "(input: Tensor, other: Tensor, out: Tensor, activation: str) -> Tensor",
      R"(Product of two matrices, then the gradient of 'relu', 'tanh' or 'sigmoid' at its output `out`.

One kernel, and the same bits as the product and then the gradient. Shapes: input (m, k), other
(k, n), out (m, n). Not recorded. Raises RuntimeError when shapes or dtypes do not fit, ValueError
for another activation.

>>> out = steep.tensor([[0.0, 3.0]])
>>> steep._core.matmul_activation_backward(steep.ones(1, 1), steep.ones(1, 2), out, "relu")
tensor([[0., 1.]])
)");
}

const Registration registered("product", register_linear);

}  // namespace

}  // namespace steep::ops
