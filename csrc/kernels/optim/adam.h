// Adam (Kingma and Ba, 2015), AMSGrad (Reddi, Kale and Kumar, 2018), and AdamW's decoupled weight
// decay (Loshchilov and Hutter, 2019).
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// Followed by the number of elements of each parameter.
struct AdamStep {
  int64_t count;  // of parameters
  Flag amsgrad, maximize, decoupled;
};

// AdamStep.  Operands: hyper f64[5] {lr, beta1, beta2, eps, weight_decay}, then for each parameter:
// p, grad, m, v, vmax (or left out), step f32[1].
extern Kernel kAdamStep;

}  // namespace steep::kernels
