// What memory each rank touches when a step is shared: by rows where that is known, else all of it.
#pragma once

#include "program/plan/plan.h"

namespace steep::program {

// How ranks can share a step by rows; of the operands of its calls, one call after the other.
PartitionedRows rows_of(const Plan& plan, const Step& step, int ranks);

// Memory in terms that tell whether two accesses conflict: the arena is one block, whatever lies in it.
struct Touched {
  int block;  // a value, or -1 for the arena
  int64_t begin, end;
  bool written;
};

// What rank `rank` touches of a step: its rows, if the step is shared by rows, and all of what is
// not in rows.
std::vector<Touched> touched_by(const Plan& plan, const Step& step, int rank);

}  // namespace steep::program
