// The windows of images x[batch, channels, height, width] laid out as columns, and their sum back:
//
//   columns[n, (c, i, j), (h, w)] = x[n, c, h * stride + i * dilation - lead, w * stride + ...]
//
// and 0 where that is outside. In the sum an element of the image gets its terms in the order of
// the places (i, j) of the window.
#pragma once

#include "kernels/kernel.h"
#include "kernels/pool/axis.h"

namespace steep::kernels {

struct Unfold {
  int64_t planes;  // batch * channels
  PoolAxis height, width;
};

// Unfold.  Operands: columns [planes, height.kernel, width.kernel, height.out, width.out], x.
extern Kernel kUnfold;
// Unfold.  Operands: x, columns.
extern Kernel kFold;

}  // namespace steep::kernels
