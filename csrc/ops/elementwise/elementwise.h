// What the elementwise families share: promote, cast, broadcast, allocate, launch.
#pragma once

#include "kernels/elementwise/activation.h"
#include "kernels/elementwise/arithmetic.h"
#include "kernels/elementwise/compare.h"
#include "kernels/elementwise/math.h"
#include "ops/ops.h"
#include "program/launch.h"
#include "tape/saved.h"

namespace steep::ops {

using program::Kernel;
using program::Kind;
using tape::Grads;
using tape::record;
using tape::Saved;
using tape::wanted;

// The compute type of operands under PyTorch's promotion.
DType result_type(const TensorOrNumber& x, const TensorOrNumber& other);
// The same for an operation that needs a tensor among the two, by whose shape it goes.
DType result_type(const char* op, const TensorOrNumber& x, const TensorOrNumber& other);
// Refuses a number that an element of the dtype cannot hold.
void check_fits(const char* op, const Number& number, DType dtype);
// The same, but at least floating: integers become the default dtype.
DType floating_type(DType dtype);

// out[i] = kernel(x[i]) in x's dtype; `out` overrides the output's dtype (comparisons give bool).
Tensor unary(const Kernel& kernel, const Tensor& x);
Tensor unary_predicate(const Kernel& kernel, const Tensor& x);

// out = kernel(x, other), broadcast, both cast to `compute` first; the output has dtype `out`.
// Refuses a number beyond an integer compute type.
Tensor binary(const Kernel& kernel, const TensorOrNumber& x, const TensorOrNumber& other,
              DType compute, DType out);
inline Tensor binary(const Kernel& kernel, const TensorOrNumber& x, const TensorOrNumber& other,
                     DType type) {
  return binary(kernel, x, other, type, type);
}
// The same for sums, products and bits, which integers compute modulo their range: numbers wrap
// around.
Tensor modular(const Kernel& kernel, const TensorOrNumber& x, const TensorOrNumber& other,
               DType type);
// For gradient rules: both of one shape and dtype already, parameters as numbers.
Tensor fused(const Kernel& kernel, const Tensor& x, const Tensor& other);
Tensor fused(const Kernel& kernel, const Tensor& x, const Tensor& other, const Number& parameter);

// An output for operands of these shapes, in the memory order of the first that has the whole
// shape.
Tensor output_for(const char* op, std::initializer_list<const Tensor*> operands, DType dtype);

// Whether op may write straight into x: right shape and dtype, and no graph to tell.
bool writes_directly(const char* op, const Tensor& x, const TensorOrNumber& other, DType type);

}  // namespace steep::ops
