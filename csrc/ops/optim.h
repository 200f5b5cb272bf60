// One optimiser step over many parameters in one launch.
#pragma once

#include "ops/elementwise.h"

namespace steep::ops {

// hyper: float64 [lr, momentum, dampening, weight_decay].
void sgd_step(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers,
              const Tensor& hyper, bool nesterov, bool maximize, bool first);

// hyper: float64 [lr, beta1, beta2, eps, weight_decay].
void adam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs,
               const Tensors& exp_avg_sqs, const Tensors& max_exp_avg_sqs, const Tensors& steps,
               const Tensor& hyper, bool amsgrad, bool maximize, bool decoupled);

}  // namespace steep::ops
