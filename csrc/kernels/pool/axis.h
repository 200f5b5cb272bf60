// How windows lie along an axis, of pooling.
#pragma once

#include <cstdint>

namespace steep::kernels {

// Result o is made of the elements o * stride - lead + k * dilation for k < kernel; those outside
// [0, in) are left out. kernel 0: the axis is cut into `out` windows of as equal a size as can be,
// from floor(o * in / out) to ceil((o + 1) * in / out).
struct PoolAxis {
  int64_t in, out, kernel, stride, dilation, lead;
};

}  // namespace steep::kernels
