// The logarithm of the gamma function, and its derivative: float32 and float64.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// x -> log |gamma(x)|
extern Kernel kLgamma;
// x -> the derivative of log gamma at x
extern Kernel kDigamma;

}  // namespace steep::kernels
