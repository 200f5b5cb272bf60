// Less common functions of one or two numbers that other files call.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

Tensor copysign(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor signbit(const Tensor& x);
Tensor logaddexp(const Tensor& x, const Tensor& other);
Tensor xlogy(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor clamp_min(const Tensor& x, const TensorOrNumber& min);
Tensor clamp_max(const Tensor& x, const TensorOrNumber& max);

}  // namespace steep::ops
