// Elements written to places along one dimension, or combined with what is there, in the order of
// the index. See index.h.
#pragma once

#include "kernels/index/index.h"

namespace steep::kernels {

// Selection.  Operands: out[outer, length, inner] = source at index, both [outer, count, inner]; the
// last of several wins.
extern Kernel kScatter;
// The same, with the sum, the product, the greatest or the least of what is there and of source.
extern Kernel kScatterAdd, kScatterProd, kScatterAmax, kScatterAmin;

}  // namespace steep::kernels
