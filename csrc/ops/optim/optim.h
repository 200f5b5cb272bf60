// One optimiser step over many parameters in one launch.
#pragma once

#include <memory>

#include "ops/elementwise/elementwise.h"

namespace steep::ops {

struct WaitingSteps;

// While one lives, the steps of this thread are checked and made ready, and wait for run(), which
// takes them all: an optimiser of several groups steps as a whole, or not at all. What they refer
// to must live until then.
class StepsTogether {
 public:
  StepsTogether();
  ~StepsTogether();
  StepsTogether(const StepsTogether&) = delete;
  StepsTogether& operator=(const StepsTogether&) = delete;

  void run();

 private:
  std::unique_ptr<WaitingSteps> waiting_;
  WaitingSteps* before_;
};

// hyper: float64 [lr, momentum, dampening, weight_decay].
void sgd_step(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers,
              const Tensor& hyper, bool nesterov, bool maximize, bool first);

// hyper: float64 [lr, beta1, beta2, eps, weight_decay].
void adam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs,
               const Tensors& exp_avg_sqs, const Tensors& max_exp_avg_sqs, const Tensors& steps,
               const Tensor& hyper, bool amsgrad, bool maximize, bool decoupled);

}  // namespace steep::ops
