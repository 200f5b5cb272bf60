// Ranges: start, start + step, start + 2 step, ...
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct Iota {
  int64_t n;
  Scalar start, step;
};

// Iota.  Operands: out[n].
extern Kernel kIota;

}  // namespace steep::kernels
