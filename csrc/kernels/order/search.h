// Where values would be inserted into sorted rows.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct SearchedRows {
  int64_t rows;  // of values
  int64_t n;     // elements of a sorted row
  int64_t m;     // values of a row
  Flag one_row;  // all rows of values go by the one sorted row
  Flag right;    // behind equal elements rather than in front of them
};

// SearchedRows.  Operands: out int64[rows, m], sorted[rows or 1, n], values[rows, m], and, where the
// rows are not sorted themselves, places int64 like them that sort them.
extern Kernel kSearchsorted;

}  // namespace steep::kernels
