// What the fused step of an optimiser takes. A kernel describes its step beside itself, and
// ops/optim/optim.cpp makes the operation of it: signature, docstring, checks and launch.
//
// The kernel's operands are hyper, a float64 tensor of its numbers that is read when the kernel
// runs, and then for each parameter: p, grad, and one tensor of each list. Its roles are "r*ur" and
// a letter for each list. Its arguments are the number of parameters, a flag for each list that may
// be left out (whether it is there), its switches, and the number of elements of each parameter.
#pragma once

#include "kernels/isa.h"

namespace steep::kernels {

// What a list of the state holds of each parameter.
enum class StateKind : uint8_t {
  tensor,    // of its shape and dtype
  optional,  // the same, but the list may be empty: all of them are left out
  number,    // one float32 number, such as a count of steps
};

struct StateList {
  const char* name;
  StateKind kind = StateKind::tensor;
};

struct FusedStep {
  const Kernel* kernel;
  const char* what;     // "Adam": One step of ... over all parameters
  const char* formula;  // in full sentences
  // Each ends where there is no name. With hyper 0.5, 0, 0... a fresh parameter whose gradient is 1
  // goes down by 0.5: that is the docstring's example.
  const char* hyper[8];
  StateList lists[6];
  const char* switches[4] = {};
  const FusedStep* next = nullptr;
};

// All that are described, in no particular order; complete once the module is loaded.
extern const FusedStep* newest_step;

#if STEEP_DESCRIBES
namespace {
inline bool describe(FusedStep& step) {
  step.next = newest_step;
  newest_step = &step;
  return true;
}
}  // namespace
#endif

}  // namespace steep::kernels
