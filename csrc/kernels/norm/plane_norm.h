// Normalisation of sets of planes: batch, group and instance normalisation (Ioffe and Szegedy,
// 2015; Wu and He, 2018; Ulyanov, Vedaldi and Lempitsky, 2016).
//
// x[samples, sets, planes, length] is contiguous, and its mean and variance are those of each set:
// over samples, planes and length. Batch normalisation of [N, C, *] has one plane to a set,
// [N, C, 1, *]; groups are [1, N * G, C / G, *]; instances are [1, N * C, 1, *]. Plane p of set s
// belongs to channel (s * planes + p) % channels.
//
//   mean = sum(x) / n      rstd = 1 / sqrt(sum((x - mean)^2) / n + eps)
//   y = (x - mean) * rstd  out = y * weight + bias
//   g = grad * weight      grad_x = (g - sum(g) / n - y * (sum(g * y) / n)) * rstd
//   grad_weight = sum over a channel of grad * y      grad_bias = sum over a channel of grad
//
// With fixed statistics (evaluation), grad_x = g * rstd. The order of sums is that of plane_cut.h.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct PlaneNorm {
  int64_t samples, sets, planes, length, channels;
  Flag cumulative;  // the momentum is 1 / how many batches there were, by count
  double momentum, eps;
};
struct PlaneNormFixed {
  int64_t samples, sets, planes, length, channels;
  double eps;
};
struct PlaneNormBackward {
  int64_t samples, sets, planes, length, channels;
  Flag fixed;  // the statistics do not depend on x
  double eps;
};

// PlaneNorm.  Operands: out, mean[sets], rstd[sets], running_mean[sets], running_var[sets],
// count int64[1] (these three may be left out), x, weight[channels], bias[channels] (or left out).
// running = running + momentum * (new - running), of the unbiased variance; count goes up by 1.
extern Kernel kPlaneNorm;
// PlaneNormFixed.  Operands: out, x, mean[sets], var[sets], weight, bias (or left out).
extern Kernel kPlaneNormFixed;
// PlaneNormBackward.  Operands: grad_x, grad_weight, grad_bias (each may be left out), grad, x,
// mean, rstd (of a fixed one the variance), weight (or left out).
extern Kernel kPlaneNormBackward;

}  // namespace steep::kernels
