// Selection by index. x is viewed as [outer, length, inner].
//
// The caller has checked that each index lies in [0, length). One that does not all the same (its
// value may change between the replays of a program) reads 0 and writes nothing.
//
// What writes by index is shared by outer and by ranges of inner, never by index, so that several
// writes to one place happen in their order. What only moves is written once per element size.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct Selection {
  int64_t outer, length, inner, count;
};

// Selection.  Operands: out[outer, count, inner], x, index int64[count].
extern Kernel kIndexSelect;
// Selection.  Operands: out[outer, length, inner], source[outer, count, inner], index int64[count]:
// out += source at index, in the order of index; out = source at index, of which the last one wins.
extern Kernel kIndexAdd, kIndexPut;
// Selection.  Operands: out[outer, count, inner], x, index int64[outer, count, inner].
extern Kernel kGather;

}  // namespace steep::kernels
