// One triangle of matrices, and zeros beside it.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct Triangle {
  int64_t matrices, rows, columns;
  int64_t diagonal;
  Flag lower;
};

// Triangle.  Operands: out[matrices, rows, columns], x like it. Moves elements, whatever they mean.
extern Kernel kTriangle;

}  // namespace steep::kernels
