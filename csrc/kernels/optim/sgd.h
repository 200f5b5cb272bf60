// Stochastic gradient descent with momentum, Nesterov's too.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// Followed by the number of elements of each parameter.
struct SgdStep {
  int64_t count;  // of parameters
  Flag momentum, nesterov, maximize;
  Flag first;  // whether the buffers hold nothing yet
};

// SgdStep.  Operands: hyper f64[4] {lr, momentum, dampening, weight_decay}, then for each parameter:
// p, grad, buffer (or left out).
extern Kernel kSgdStep;

}  // namespace steep::kernels
