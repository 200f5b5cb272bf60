// Vector mathematics: float32 and float64.
//
// T is the compute type; b is a byte that holds 0 or 1.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// T -> T
extern Kernel kExp, kExp2, kExpm1, kLog, kLog2, kLog10, kLog1p, kSin, kCos, kTan, kAsin, kAcos,
    kAtan, kSinh, kCosh, kTanh, kSigmoid, kErf, kErfc, kSoftplus;

// T, T -> T
extern Kernel kAtan2;

}  // namespace steep::kernels
