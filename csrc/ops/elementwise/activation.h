// What activations share.
#pragma once

#include "ops/elementwise/elementwise.h"

namespace steep::ops {

void need_floating(const char* op, const Tensor& x);

// log(1 + exp(x)), with the exact slope everywhere.
Tensor log_one_plus_exp(const Tensor& x);

// An activation made of operations: its value, and what comes of a gradient at x, both with the same two settings.
// A slope of its own keeps the branch that was not taken out of the gradient. Kernels, where there are some, do the
// same at once; the second takes grad and x.
struct ComposedActivation {
  const char* name;
  Tensor (*value)(const Tensor& x, double first, double second);
  Tensor (*slope)(const Tensor& grad, const Tensor& x, double first, double second);
  const Kernel* whole = nullptr;
  const Kernel* back = nullptr;
};
Tensor activate(const ComposedActivation& how, const Tensor& x, bool inplace, double first = 0,
                double second = 0);

}  // namespace steep::ops
