// The gradient of rows that were picked from a table, as an embedding picks them.
//
//   out[i] = scale(i) * sum of grad[k] over all k with index[k] == i, in the order of k
//
// scale(i) is 1, or one over how often i occurs in index; row `padding` gets nothing. Every row of
// out is written, by the rank whose part of the table it lies in, so that the order of a sum is
// that of index whatever the number of ranks. An index outside of the table adds nothing.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct EmbeddingBackward {
  int64_t length, inner, count;
  int64_t padding;  // -1: none
  Flag by_frequency;
};

// EmbeddingBackward.  Operands: out[length, inner], grad[count, inner], index int64[count].
extern Kernel kEmbeddingBackward;

}  // namespace steep::kernels
