// A window on a tensor's memory, seen from a gradient: what as_strided and in-place writes to views
// are differentiated by. Both directions are differentiable, each the other's gradient.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

struct Geometry {
  Dims shape, strides;
  int64_t offset;
  static Geometry of(const Tensor& x) { return {x.shape(), x.strides(), x->offset}; }
};

// x has the shape of `whole`; the part of it that `part` shows.
Tensor window(const Tensor& x, const Geometry& whole, const Geometry& part);
// x has the shape of `part`; a tensor of the shape of `whole`, zero outside the part. Elements that
// part shows more than once are added.
Tensor unwindow(const Tensor& x, const Geometry& whole, const Geometry& part);

// ops/elementwise/inplace.cpp: x's memory takes value's (broadcast, converted), unrecorded.
void copy_memory(const Tensor& x, const Tensor& value);
// ops/elementwise/inplace.cpp: x's memory is filled with zeros, unrecorded.
void zero_memory(const Tensor& x);
// ops/create/create.cpp: the same where the dtypes differ.
void cast_into(const Tensor& x, const Tensor& value);

}  // namespace steep::ops
