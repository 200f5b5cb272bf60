// Comparisons, tests, logic, bit operations, and the choices made by them.
//
// T is the compute type; b is a byte that holds 0 or 1.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// T -> T
extern Kernel kBitwiseNot;

// T -> b
extern Kernel kLogicalNot, kIsnan, kIsinf, kIsfinite;

// T, T -> T
extern Kernel kMaximum, kMinimum, kBitwiseAnd, kBitwiseOr, kBitwiseXor, kBitwiseLeftShift,
    kBitwiseRightShift;

// T, T -> b
extern Kernel kEq, kNe, kLt, kLe, kGt, kGe, kLogicalAnd, kLogicalOr, kLogicalXor;

// T, T, T -> T
extern Kernel kClamp;  // x, low, high -> min(max(x, low), high), NaN kept

// b, T, T -> T
extern Kernel kWhere;

}  // namespace steep::kernels
