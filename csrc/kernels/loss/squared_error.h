// The sum or mean of squared differences, without an array of them.
#pragma once

#include "kernels/kernel.h"
#include "kernels/loss/reduction.h"

namespace steep::kernels {

struct SquaredError {
  int64_t n;
  LossReduction reduction;  // sum or mean
};

// SquaredError.  Operands: loss[1], x[n], y[n].
extern Kernel kSquaredError;

}  // namespace steep::kernels
