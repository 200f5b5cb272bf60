// One optimiser step over many parameters in one launch.
#pragma once

#include <memory>

#include "ops/elementwise/elementwise.h"
#include "ops/value.h"

namespace steep::ops {

struct Op;

// What steps raise, fused or made of operations: unless parameters are floating and can be written,
// and what belongs to each is of its shape and dtype.
void check_params(const char* op, const Tensors& params);
void check_list(const char* op, const char* what, const Tensors& list, const Tensors& params);
void check_like(const char* op, const char* what, const Tensor& x, const Tensor& param, int at);

// The operation of the step that `self` is about, a kernels::FusedStep.
void take_step(const Op& self, AnyValue* arguments, AnyValue& result);

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
