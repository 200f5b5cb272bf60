// Adagrad (Duchi, Hazan and Singer, 2011).
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// Followed by the number of elements of each parameter.
struct AdagradStep {
  int64_t count;  // of parameters
  Flag maximize;
};

// AdagradStep.  Operands: hyper f64[4] {lr, lr_decay, weight_decay, eps}, then for each parameter:
// p, grad, sum, step f32[1].
extern Kernel kAdagradStep;

}  // namespace steep::kernels
