// NAdam: Adam with Nesterov's momentum (Dozat, 2016), which is warmed up.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// Followed by the number of elements of each parameter.
struct NadamStep {
  int64_t count;  // of parameters
  Flag maximize, decoupled;
};

// NadamStep.  Operands: hyper f64[6] {lr, beta1, beta2, eps, weight_decay, momentum_decay}, then for
// each parameter: p, grad, m, v, product of the momenta so far f32[1], step f32[1].
extern Kernel kNadamStep;

}  // namespace steep::kernels
