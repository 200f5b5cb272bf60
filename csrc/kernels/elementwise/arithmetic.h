// Arithmetic of every numeric type. Integers wrap around; bool adds by or and multiplies by and.
//
// T is the compute type; b is a byte that holds 0 or 1.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// T -> T
extern Kernel kCopy, kFill, kNeg, kAbs, kSign, kFloor, kCeil, kRound, kTrunc, kSqrt, kRsqrt,
    kReciprocal, kSquare;

// T, T -> T
extern Kernel kAdd, kSub, kMul, kDiv, kFloorDivide, kRemainder, kFmod, kPow;

// T, T, T -> T
extern Kernel kAddScaled;  // x, y, alpha -> x + alpha * y (one rounding where the CPU has FMA)

}  // namespace steep::kernels
