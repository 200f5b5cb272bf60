// Functions that are less often called, each with a loop of its own: float32 and float64.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// T -> T
extern Kernel kAsinh, kAcosh, kAtanh, kErfinv;

// T, T -> T
extern Kernel kHypot, kCopysign, kXlogy, kLogaddexp;

// x, end, weight -> x + weight * (end - x)
extern Kernel kLerp;

}  // namespace steep::kernels
