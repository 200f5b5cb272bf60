// The machine's own limit: as many fused multiply-adds as the registers can keep in flight, and
// nothing else. Benchmarks measure it in the same run as the products they hold against it.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct FmaPeak {
  int64_t rounds;
};

// FmaPeak.  Operands: out T[2], the flops that all ranks have done, and a value that keeps the work
// alive.
extern Kernel kFmaPeak;

}  // namespace steep::kernels
