// Distances between vectors.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

Tensor pairwise_distance(const Tensor& x, const Tensor& other, double p, double eps, bool keepdim);

}  // namespace steep::ops
