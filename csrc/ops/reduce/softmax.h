// What others need of the softmax family.
#pragma once

#include "ops/ops.h"
#include "program/kernel.h"

namespace steep::ops {

// Work of a kernel that takes an exponential of each element of its largest operand.
program::Cost exponential_cost(const program::Call& call);

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype);
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype);

}  // namespace steep::ops
