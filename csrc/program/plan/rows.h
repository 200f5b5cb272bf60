// Which memory each rank touches in a step: rows of operands if the step is shared by rows, else
// whole operands.
#pragma once

#include "program/plan/plan.h"

namespace steep::program {

// How ranks can share a step by rows; operands are listed call after call.
PartitionedRows rows_of(const Plan& plan, const Step& step, int ranks);

// A range of memory. The arena is one block, so that accesses to values that share its memory
// conflict.
struct Touched {
  int block;  // a value, or -1 for the arena
  int64_t begin, end;
  bool written;
};

// What a rank touches in a step: its rows of operands that have rows, and other operands as a
// whole.
std::vector<Touched> touched_by(const Plan& plan, const Step& step, int rank);

}  // namespace steep::program
