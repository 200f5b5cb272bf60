// The tables by which an axis is sampled.
#pragma once

#include "ops/resample/sample.h"

namespace steep::ops {

struct TableArguments {
  int64_t in, out, rule, lead;
  double scale;
  kernels::Flag corners, wide;
  int64_t taps;
};

struct SampleTable {
  Tensor place, weight;  // [taps, out]
};
SampleTable weights_of(const Sampled& axis, DType dtype);

}  // namespace steep::ops
