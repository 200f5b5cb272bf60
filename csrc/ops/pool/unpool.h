// The inverse of max pooling.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

struct UnpoolSettings {
  int axes;
  Dims kernel;
  std::optional<Dims> stride;
  Dims padding;
  std::optional<Dims> output_size;
};
// Zeros but for the elements of x, which stand where `indices` says, counted within a plane; where
// two share a place, the last wins.
Tensor max_unpool(const char* op, const Tensor& x, const Tensor& indices,
                  const UnpoolSettings& settings);

}  // namespace steep::ops
