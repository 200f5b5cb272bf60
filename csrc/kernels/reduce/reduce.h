// Reductions of x, viewed as [outer, n, inner] and contiguous, over n.
//
// The order of each result is that of lanes.h and columns.h and depends on n and inner == 1 alone.
// Threads share the results, or the chunks of each where there are few long ones; then the partial
// results wait in scratch for a second round. What variance and deviation are made of is added up
// in float64: float32 would round the mean to a step as wide as the spread of what lies far from 0.
// Of nothing, sum and any are 0, prod and all 1; the caller refuses to ask for an extreme or its
// place.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct Extent {
  int64_t outer = 1, n = 1, inner = 1;
};
struct DividedExtent {
  Extent extent;
  double divisor;
};

// Extent.  Operands: out[outer, inner] (T), x.
extern Kernel kSum, kProd, kMax, kMin;
// Extent.  Operands: out[outer, inner] (b), x.
extern Kernel kAny, kAll;
// Extent.  Operands: out[outer, inner] (int64), x: the first index of the extreme; NaN counts as
// extreme.
extern Kernel kArgmax, kArgmin;
// DividedExtent.  Operands: out[outer, inner] (float64), x: the sum of x / divisor.
extern Kernel kWideMean;
// DividedExtent.  Operands: out[outer, inner] (T), x, mean (float64, as out): the sum of
// (x - mean)^2 / divisor, and its root.
extern Kernel kVariance, kDeviation;

}  // namespace steep::kernels
