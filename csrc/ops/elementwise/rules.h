// The gradient rules that functions of one floating number share.
#pragma once

#include "ops/elementwise/elementwise.h"

namespace steep::ops {

// Functions of floating numbers: integers are taken in the default dtype.
inline Tensor floating(const Kernel& kernel, const Tensor& x) {
  return unary(kernel, to(x, floating_type(x.dtype())));
}

// A rule that needs the input: slope(x) is the derivative at x.
template <class Slope>
Tensor with_input(const Kernel& kernel, const Tensor& x, Slope slope) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = floating(kernel, x);
  }
  if (wanted(x)) {
    record(kernel.name, out, {x}, [x = Saved(x), slope](const Tensor& grad, Grads& grads) {
      grads[0] = slope(grad, x.get());
    });
  }
  return out;
}

// A rule that needs the output alone: slope(grad, out).
template <class Slope>
Tensor with_output(const Kernel& kernel, const Tensor& x, Slope slope) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = floating(kernel, x);
  }
  if (wanted(x)) {
    record(kernel.name, out, {x},
           [out = Saved::output(out), slope](const Tensor& grad, Grads& grads) {
             grads[0] = slope(grad, out.get());
           });
  }
  return out;
}

}  // namespace steep::ops
