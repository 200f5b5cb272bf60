// The builds of the kernels that are linked into this binary; the list is made by CMake from the
// files in csrc/kernels (see levels.cpp.in).
#pragma once

#include "runtime/cpu.h"

namespace steep::runtime {

struct Build {
  Level level;
  const char* name;
  void (*fill)();  // enters its loops into the kernels
};

extern const Build kBuilds[];
extern const int kBuildCount;

}  // namespace steep::runtime
