// Activations, and the gradients of activations and losses that are fused: float32 and float64
// (relu: every numeric type).
//
// T is the compute type; b is a byte that holds 0 or 1.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// T -> T
extern Kernel kRelu, kSilu, kGelu, kGeluTanh, kHardswish, kMish;

// T, T -> T
extern Kernel kLeakyRelu;                         // x, slope
extern Kernel kElu;                               // x, alpha
extern Kernel kTanhBackward;                      // grad, out -> grad * (1 - out * out)
extern Kernel kSigmoidBackward;                   // grad, out -> grad * out * (1 - out)
extern Kernel kReluBackward;                      // grad, out -> out <= 0 ? 0 : grad
extern Kernel kRelu6Backward;                     // grad, out -> out <= 0 || out >= 6 ? 0 : grad
extern Kernel kHardswishBackward, kMishBackward;  // grad, x

// T, T, T -> T
extern Kernel kLeakyReluBackward;     // grad, x, slope -> x > 0 ? grad : grad * slope
extern Kernel kEluBackward;           // grad, out, alpha -> out <= 0 ? grad * (out + alpha) : grad
extern Kernel kSquaredErrorBackward;  // x, y, scale -> scale * (x - y)
extern Kernel kSiluBackward;          // grad, x (third input unused, step 0)
extern Kernel kGeluBackward;          // grad, x (third input unused, step 0)

}  // namespace steep::kernels
