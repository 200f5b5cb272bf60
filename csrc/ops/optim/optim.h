// One optimiser step over many parameters in one launch.
#pragma once

#include <memory>

#include "ops/elementwise/elementwise.h"

namespace steep::ops {

// Raise what fused steps raise, for those that are made of operations: unless a tensor is of its
// parameter's shape and dtype, and unless there is such a gradient of each parameter, which can be
// written.
void check_like(const char* op, const char* what, const Tensor& x, const Tensor& param, int at);
void check_gradients(const char* op, const Tensors& params, const Tensors& grads);

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

}  // namespace steep::ops
