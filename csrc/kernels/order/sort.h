// Rows sorted, with where each element came from.
//
// A nan is greater than any number. Equal elements keep their order (0 and -0 are equal), so the
// result depends on the values alone.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct SortedRows {
  int64_t rows, n;
  int64_t kept;  // of each row, the first ones in the order; n: all
  Flag descending;
};

// SortedRows, of float32, float64 and int64.  Operands: values[rows, kept], indices int64[rows, kept], x[rows, n].
extern Kernel kSort;

}  // namespace steep::kernels
