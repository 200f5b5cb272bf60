// Runs a group of elementwise launches block by block.
#pragma once

#include "program/plan/plan.h"

namespace steep::program {

struct Rank {
  int rank, size;
  void (*barrier)();
};

// `data` has the address of each view that is not in a buffer; `scratch` has room for a double for
// each chunk of each sum.
void run_group(const Group& group, char* const* data, char* scratch, const Rank& rank);

}  // namespace steep::program
