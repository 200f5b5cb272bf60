// What others need of the softmax family.
#pragma once

#include "ops/ops.h"
#include "program/kernel.h"

namespace steep::ops {

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype);
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype);

}  // namespace steep::ops
