// The machine's other limit: as many bytes as a mix of streams can move, with next to nothing else
// to do. Benchmarks measure it in the same run as the work they hold against it.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// Arrays that are read and written in place, read, and written.
struct StreamMix {
  int64_t updated, read, written;
};
// Those that there are loops for.
constexpr StreamMix kStreamMixes[] = {{0, 1, 0}, {1, 0, 0}, {0, 1, 1}, {1, 1, 0},
                                      {0, 2, 1}, {2, 1, 0}, {3, 1, 0}};
constexpr int kMostStreams = 4;

struct Stream {
  int64_t rounds, n;
  int64_t updated, read, written;
};

// Stream.  Operands: arrays of n floats, n a multiple of 64: those updated, read and written. What
// is updated gets the sum of what is read added to it, what is written becomes that sum; once more
// in each round.
extern Kernel kStream;

}  // namespace steep::kernels
