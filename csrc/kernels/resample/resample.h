// An axis of x [outer, in, inner] resampled by weights, and the gradient of that:
//
//   out[i, o, j] = sum over k < taps of weight[k, o] * x[i, place[k, o], j]
//
// Linear, cubic and antialiased interpolation are this with their own weights. Terms are added in
// the order of the taps, in the gradient in the order of results, of taps for each.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct Resample {
  int64_t outer, in, out, inner, taps;
};

// Resample.  Operands: out, x, place int64 [taps, out], weight [taps, out].
extern Kernel kResample;
// Resample.  Operands: x, grad [outer, out, inner], place, weight.
extern Kernel kResampleBack;

}  // namespace steep::kernels
