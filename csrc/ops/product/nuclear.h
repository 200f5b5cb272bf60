// The nuclear norm of matrices.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// The sum of the singular values over two dimensions: those named, or both that there are.
Tensor nuclear_norm(const Tensor& input, const std::optional<Dims>& dim, bool keepdim,
                    std::optional<DType> dtype);

}  // namespace steep::ops
