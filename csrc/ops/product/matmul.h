// Products that only their own family and the registry call.
#pragma once

#include "kernels/product/gemm.h"
#include "ops/ops.h"
#include "program/kernel.h"

namespace steep::ops {

using kernels::Activation;

// What a product is made of; shapes as for product().
struct ProductOperands {
  const Tensor &a, &b, &bias;
  Activation activation = Activation::none;
  const Tensor& aux;
  bool accumulate = false;  // whether it is added to what is there already
};

// Writes the product to out, whose rows are contiguous: by kGemm, or by a kernel that takes the
// same arguments.
void launch_product(const program::Kernel& kernel, const Tensor& out, const ProductOperands& of);

// out [batch,] m, n = activation(a @ b + bias), unrecorded; one dtype; a and b have two dimensions,
// or three of one batch size; bias [n] or undefined; aux: the activation's output, contiguous and
// of out's shape, for its gradient.
Tensor product(const Tensor& a, const Tensor& b, const Tensor& bias = {},
               Activation activation = Activation::none, const Tensor& aux = {});

// out = activation(x @ weight^T + bias): x [..., in], weight [out, in], bias [out] or undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
Tensor linear_activation(const Tensor& x, const Tensor& weight, const Tensor& bias,
                         const std::string& activation);

// The gradient of the input of an activation whose output is `out`, where x @ other is the gradient
// of `out`: all matrices.
Tensor matmul_activation_backward(const Tensor& x, const Tensor& other, const Tensor& out,
                                  const std::string& activation);

// beta * x + alpha * product, which x broadcasts to; with beta 0, x has no part in the value.
Tensor add_product(const char* op, const Tensor& x, const Tensor& product, const Number& beta,
                   const Number& alpha);

}  // namespace steep::ops
