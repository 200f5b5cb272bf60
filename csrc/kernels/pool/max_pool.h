// The largest element of each window of planes x[planes, depth, height, width], and where it is.
//
// Of equal ones the first is taken, in the order of memory; of NaNs, which are larger than anything,
// the last. A place is counted within its plane; -1 where a window has no element.
#pragma once

#include "kernels/kernel.h"
#include "kernels/pool/axis.h"

namespace steep::kernels {

struct MaxPool {
  int64_t planes;
  PoolAxis depth, height, width;
};

// MaxPool.  Operands: out [planes, out...], place int64 [planes, out...] (or left out), x.
extern Kernel kMaxPool;

}  // namespace steep::kernels
