// Diagonals that other files call.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2);
Tensor diag_embed(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2);

}  // namespace steep::ops
