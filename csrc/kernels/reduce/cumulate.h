// Running sums along one dimension.
#pragma once

#include "kernels/reduce/reduce.h"

namespace steep::kernels {

struct Cumulation {
  Extent extent;
  Flag backwards;  // from the end
};

// Cumulation.  Operands: out, x, both [outer, n, inner] and row-major. The totals of float32 run in
// float64: the error of a running sum grows with every step.
extern Kernel kCumsum;

}  // namespace steep::kernels
