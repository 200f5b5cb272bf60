// Products for tests to compare: with everything that a launch of the kernel may ask for.
#pragma once

#include <string>

#include "ops/product/matmul.h"

namespace steep::ops {

// Writes activation(a @ b + bias), or that added to what is there, to out: by the packed kernel, or
// by the plain loops of kernels/product/naive.h, which have the same bits. out is of float32 or
// float64, its rows contiguous, and shares no memory with the operands.
void product_into(const Tensor& out, const ProductOperands& of, bool naive);

Activation product_activation(const std::string& name);  // "none", "relu", "relu_backward", ...

}  // namespace steep::ops
