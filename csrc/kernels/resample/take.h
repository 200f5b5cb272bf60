// Planes x[planes, depth, height, width] with elements taken from given places along each axis, and
// the gradient of that: padding by what an image has itself, and the nearest neighbour.
//
//   out[p, d, h, w] = x[p, depth[d], height[h], width[w]]
//
// Elements are moved as they are, of any dtype. What the gradient adds up for an element of x comes
// in the order of the results.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct TakeAxis {
  int64_t in, out;
};
struct Take {
  int64_t planes;
  TakeAxis depth, height, width;
};

// Take.  Operands: out, x, and int64 places [out] of depth, height and width, all of them inside.
extern Kernel kTake;
// Take.  Operands: x, grad [planes, out...], places of depth, height and width.
extern Kernel kTakeBack;

}  // namespace steep::kernels
