// Special functions that other files call.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

Tensor lgamma(const Tensor& x);
Tensor digamma(const Tensor& x);

// How a draw moves with its parameters while its rank stays; these have no derivatives themselves.
Tensor standard_gamma_grad(const Tensor& alpha, const Tensor& drawn);
Tensor dirichlet_grad(const Tensor& drawn, const Tensor& alpha, const Tensor& total);

}  // namespace steep::ops
