// Measuring the machine.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// Passes over arrays in memory, on as many threads as a large operation gets: the first `updated`
// ones are read and written in place, the last `written` ones written, the others read. Vectors of
// float32 of one length, a multiple of 64.
void stream_peak(const Tensors& arrays, int64_t updated, int64_t written, int64_t rounds);

}  // namespace steep::ops
