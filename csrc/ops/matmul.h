// Products that only their own family and the registry call.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// What a product may do with each element before it is written (the kernel's epilogue).
enum class Activation : int64_t { none, relu, tanh, sigmoid, leaky_relu };

// out = activation(x @ weight^T + bias): x [..., in], weight [out, in], bias [out] or undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
Tensor linear_activation(const Tensor& x, const Tensor& weight, const Tensor& bias,
                         const std::string& activation);

}  // namespace steep::ops
