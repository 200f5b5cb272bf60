// Where along an axis the elements of a result come from: places, and weights of them.
#pragma once

#include "ops/elementwise/elementwise.h"

namespace steep::ops {

enum class Rule : int64_t {
  // one place each
  whole,  // the axis as it is
  reflect,
  replicate,
  circular,
  nearest,
  nearest_exact,
  // several, with weights
  linear,
  cubic,
  linear_antialias,
  cubic_antialias,
};

struct Sampled {
  Rule rule = Rule::whole;
  int64_t in = 1, out = 1;
  int64_t lead = 0;      // of padding: elements added in front, or fewer than none
  double scale = 0;      // of interpolation: how many times as long the result is; 0: out / in
  bool corners = false;  // of interpolation: the first and last elements are where they were
};

// int64 [out]: one place for each element.
Tensor places_of(const Sampled& axis, DType dtype);

// The last `axes` dimensions of x, each taken from places: of depth, height and width the first ones
// stay whole where there are fewer.
Tensor take(const Tensor& x, const Sampled (&axes)[3], int count);
// Dimension `dim` of x by weights.
Tensor resample(const Tensor& x, int dim, const Sampled& axis);

}  // namespace steep::ops
