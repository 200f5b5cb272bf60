// Normalisation of sets of planes: what batch, group and instance normalisation share.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// x as kernels/norm/plane_norm.h has it.
struct PlaneSets {
  int64_t samples, sets, planes, length, channels;
  double eps;
};

// Running statistics that a training step brings up to date; each tensor may be undefined.
struct RunningStatistics {
  Tensor mean, var, count;
  std::optional<double> momentum;  // none: 1 / how many batches there were
};

// Refuses a parameter or statistic that does not have `channels` elements of x's dtype.
void check_channels(const char* op, const char* what, const Tensor& x, const Tensor& values,
                    int64_t channels);

// By the statistics of x's sets, or by fixed ones.
Tensor plane_norm(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const PlaneSets& how, const RunningStatistics& running);
Tensor plane_norm_fixed(const char* op, const Tensor& x, const Tensor& mean, const Tensor& var,
                        const Tensor& weight, const Tensor& bias, const PlaneSets& how);

// norm.cpp
Tensor layer_norm(const Tensor& input, const Dims& normalized_shape, const Tensor& weight,
                  const Tensor& bias, double eps);

}  // namespace steep::ops
