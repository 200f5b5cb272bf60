// Arithmetic of shapes: broadcasting, dimension numbers, orders, and views of reshaped memory.
#pragma once

#include "tensor/error.h"
#include "tensor/small_vector.h"

namespace steep {

// The common shape of two operands, or an error that names the operation and the dimension.
Dims broadcast_shapes(const char* op, const Dims& a, const Dims& b);
// Whether `from` broadcasts to `to`.
bool broadcasts_to(const Dims& from, const Dims& to);
// Strides that make a tensor of `shape` look like `to` (0 where it repeats). Requires
// broadcasts_to.
Dims broadcast_strides(const Dims& shape, const Dims& strides, const Dims& to);

// dim in -rank..rank-1 as 0..rank-1; IndexError otherwise. A 0-d tensor is taken as having one
// dimension.
int wrap_dim(const char* op, int64_t dim, int rank);
// Wraps each and refuses repetition.
Dims wrap_dims(const char* op, const Dims& dims, int rank);

// Dimension numbers from the largest stride to the smallest; ties keep their order.
Dims order_by_stride(const Dims& shape, const Dims& strides);

// One dimension of `target` may be -1: the size is worked out from numel.
Dims infer_size(const char* op, const Dims& target, int64_t numel);
// Strides under which memory (shape, strides) can be seen as `target`; false where that needs a
// copy.
bool view_strides(const Dims& shape, const Dims& strides, const Dims& target, Dims& out);

}  // namespace steep
