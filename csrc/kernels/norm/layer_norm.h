// Layer normalisation of the rows of x[rows, n], contiguous (Ba, Kiros and Hinton, 2016).
//
//   mean = sum(x) / n      rstd = 1 / sqrt(sum((x - mean)^2) / n + eps)
//   y = (x - mean) * rstd  out = y * weight + bias
//   g = grad * weight      grad_x = (g - sum(g) / n - y * (sum(g * y) / n)) * rstd
//   grad_weight = sum over rows of grad * y      grad_bias = sum over rows of grad
//
// Where rows are not centred, they are divided by their root mean square (Zhang and Sennrich,
// 2019): mean is 0, and grad_x has no sum(g) / n.
//
// A row is read from memory once and stays in the cache for what follows. Its sums are taken in
// lanes, as in lanes.h; sums over rows in chunks of rows combined pairwise, as in columns.h.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct LayerNorm {
  int64_t rows, n;
  Flag centred;
  double eps;
};
struct LayerNormBackward {
  int64_t rows, n;
  Flag centred;
  Flag sums;  // whether grad_weight or grad_bias is there
};

// LayerNorm.  Operands: out, mean[rows], rstd[rows], x, weight[n], bias[n] (or left out).
extern Kernel kLayerNorm;
// LayerNormBackward.  Operands: grad_x, grad_weight[n], grad_bias[n] (each may be left out), grad,
// x, mean, rstd, weight[n] (or left out).
extern Kernel kLayerNormBackward;

}  // namespace steep::kernels
