// What follows from the order of elements along a dimension.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// The first `kept` elements along dim in their order, and where they were: (values, indices).
// Differentiable; equal elements keep their order, and a nan is greater than any number.
std::tuple<Tensor, Tensor> sorted_first(const char* op, const Tensor& x, int64_t dim, int64_t kept,
                                        bool descending);
std::tuple<Tensor, Tensor> sort(const Tensor& x, int64_t dim, bool descending, bool stable);
// Where each value would be inserted into the sorted sequence.
Tensor places_in(const Tensor& sorted, const Tensor& values, const Tensor& sorter, bool right);

}  // namespace steep::ops
