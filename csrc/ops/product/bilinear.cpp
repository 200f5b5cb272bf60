// The bilinear layer.
#include "ops/elementwise/elementwise.h"
#include "ops/ops.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

void check_bilinear(const Tensor& x, const Tensor& y, const Tensor& weight, const Tensor& bias) {
  constexpr const char* kOp = "bilinear";
  if (weight.dim() != 3)
    fail(ErrorKind::runtime, kOp, "a weight of shape [out_features, in1_features, in2_features]",
         to_string(weight.shape()));
  bool fits = x.dim() >= 1 && x.dim() == y.dim();
  for (int d = 0; fits && d + 1 < x.dim(); ++d) fits = x.size(d) == y.size(d);
  if (!fits)
    throw Error(ErrorKind::runtime,
                join("bilinear(): input batch dimensions do not match: expected inputs of the same "
                     "shape but for the last size, got ",
                     to_string(x.shape()), " and ", to_string(y.shape())));
  int which = 1;
  for (const Tensor* input : {&x, &y}) {
    if (input->size(input->dim() - 1) != weight.size(which))
      throw Error(ErrorKind::runtime,
                  join("bilinear(): input", which, " size does not match weight size: got ",
                       input->size(input->dim() - 1), " but expected ", weight.size(which)));
    ++which;
  }
  if (bias.defined() && bias.shape() != Dims{weight.size(0)})
    fail(ErrorKind::runtime, kOp, join("a bias of shape [", weight.size(0), "]"),
         to_string(bias.shape()));
  for (const Tensor* other : {&y, &weight, &bias})
    if (other->defined() && other->dtype() != x.dtype())
      fail(ErrorKind::runtime, kOp, "inputs, weight and bias to have the same dtype",
           join(name(x.dtype()), " and ", name(other->dtype())),
           "convert the inputs with .to(dtype), or the module");
  if (x.dtype() == DType::boolean)
    fail(ErrorKind::not_implemented, kOp, "inputs of numbers", name(x.dtype()),
         "convert with .float() first");
}

// Two products: weight with the second input, [n, out * in1], and for each sample that with the
// first input.
Tensor bilinear(const Tensor& x, const Tensor& y, const Tensor& weight, const Tensor& bias) {
  check_bilinear(x, y, weight, bias);
  const int64_t features = weight.size(0), first = weight.size(1), second = weight.size(2);
  Dims shape = x.shape();
  shape.back() = features;
  int64_t rows = 1;
  for (int d = 0; d + 1 < x.dim(); ++d) rows *= x.size(d);
  const Tensor matrices = reshape(weight, {features * first, second});
  const Tensor halves =
      reshape(matmul(reshape(y, {rows, second}), t(matrices)), {rows, features, first});
  const Tensor products = matmul(halves, reshape(x, {rows, first, 1}));
  const Tensor out = reshape(products, shape);
  return bias.defined() ? add(out, bias) : out;
}

void register_bilinear(Registry& registry) {
  registry.add<&bilinear>(
      "bilinear", kFunctional,
      "(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor",
      R"(Bilinear map of the last dimensions: out[..., o] = input1 @ weight[o] @ input2 + bias[o].

Shapes: input1 (*, in1), input2 (*, in2), weight (out, in1, in2), bias (out), out (*, out). Raises
RuntimeError when shapes or dtypes do not fit, NotImplementedError for bools.

>>> x, y = steep.tensor([[1.0, 2.0]]), steep.tensor([[3.0]])
>>> steep.nn.functional.bilinear(x, y, steep.ones(1, 2, 1))
tensor([[9.]])
)");
}

const Registration registered("product", register_bilinear);

}  // namespace

}  // namespace steep::ops
