// How an elementwise loop meets tensors: broadcasting, collapsing of dimensions, blocks, threads.
#pragma once

#include "program/kernel.h"

namespace steep::program {

void execute_elementwise(const Call& call, int threads);

}  // namespace steep::program
