// A strided view of a tensor's memory, seen from a gradient: what as_strided and in-place writes to
// views are differentiated by. Both directions are differentiable, each the other's gradient.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

struct Layout {
  Dims shape, strides;
  int64_t offset;
  static Layout of(const Tensor& x) { return {x.shape(), x.strides(), x->offset}; }
};

// x has the shape of `whole`; the part of it that `part` shows.
Tensor strided_view(const Tensor& x, const Layout& whole, const Layout& part);
// x has the shape of `part`; a tensor of the shape of `whole`, zero outside the part. Elements that
// part shows more than once are added.
Tensor put_strided_view(const Tensor& x, const Layout& whole, const Layout& part);

// ops/elementwise/inplace.cpp: x's memory takes value's (broadcast, converted), unrecorded.
void copy_memory(const Tensor& x, const Tensor& value);
// ops/elementwise/inplace.cpp: x's memory is filled with zeros, unrecorded.
void zero_memory(const Tensor& x);
// ops/create/create.cpp: the same where the dtypes differ.
void cast_into(const Tensor& x, const Tensor& value);

}  // namespace steep::ops
