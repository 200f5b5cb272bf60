// RMSprop (Tieleman and Hinton, 2012), centred (Graves, 2013) and with momentum.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// Followed by the number of elements of each parameter.
struct RmspropStep {
  int64_t count;  // of parameters
  Flag centered, momentum, maximize;
};

// RmspropStep.  Operands: hyper f64[5] {lr, alpha, eps, weight_decay, momentum}, then for each
// parameter: p, grad, v, mean (or left out), buffer (or left out), step f32[1].
extern Kernel kRmspropStep;

}  // namespace steep::kernels
