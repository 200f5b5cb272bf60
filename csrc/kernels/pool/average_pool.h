// The mean of each window of planes x[planes, depth, height, width], and the gradient of that.
//
// A window is summed row by row, and then along the one row that this makes; one that is a whole
// plane is summed as it lies in memory, as in lanes.h. Which elements a window has is said in axis.h;
// there is no dilation.
#pragma once

#include "kernels/kernel.h"
#include "kernels/pool/axis.h"

namespace steep::kernels {

struct AveragePool {
  int64_t planes;
  PoolAxis depth, height, width;
  Flag padded;      // what lies in the padding counts as well
  int64_t divisor;  // in place of the count of elements, unless it is 0
};

// AveragePool.  Operands: out [planes, out...], x.
extern Kernel kAveragePool;
// AveragePool.  Operands: x, grad [planes, out...].
extern Kernel kAveragePoolBack;

}  // namespace steep::kernels
