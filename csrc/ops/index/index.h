// IndexedRows picked by number: what indexing by tensors comes down to.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// x seen as [outer, length, inner]; `index` holds numbers in [0, length), in any shape.
struct IndexedRows {
  int64_t outer, length, inner;
  Dims before, after;  // the shape in front of and behind the picked dimensions
  Dims whole;          // the shape of x
};

// out[before..., index.shape..., after...]: the rows of x that index names. x need not be
// contiguous.
Tensor pick_rows(const Tensor& x, const Tensor& index, const IndexedRows& rows);
// The gradient of pick_rows: zeros of x's shape with x's rows added at index, in the order of
// index.
Tensor add_rows(const Tensor& x, const Tensor& index, const IndexedRows& rows);
// A copy of x whose rows at index are those of value (which has pick_rows' shape); where index
// repeats, the last wins.
Tensor put_rows(const Tensor& x, const Tensor& index, const Tensor& value, const IndexedRows& rows);

// x with values added at x[index], whose tensors index the leading dimensions (index.cpp).
Tensor add_items(const Tensor& x, const Index& index, const Tensor& values);

// The coordinates of the true elements: int64 [count, dims].
Tensor nonzero(const Tensor& x);
// The same by dimension: a vector for each; a number is taken as a vector of one.
Tensors coordinates(const Tensor& x);
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index, bool sparse_grad);
// The same for an index of int64 that has x's rank and, beside dim, no other sizes. Where it is out of
// bounds the result is 0, and no gradient comes back.
Tensor gather_places(const Tensor& x, int dim, const Tensor& index);
// src added at index along dim into zeros of `shape`; the same holds of the index.
Tensor scatter_places(const Tensor& src, int dim, const Tensor& index, const Dims& shape);
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src);
Tensor masked_select(const Tensor& x, const Tensor& mask);
Tensor one_hot(const Tensor& x, int64_t num_classes);
Tensor flip(const Tensor& x, const Dims& dims);
Tensor repeat(const Tensor& x, const Dims& repeats);
Tensor tile(const Tensor& x, const Dims& dims);  // the same, dims filled with ones in front

// What negative numbers mean, and which error those out of bounds are: PyTorch has several.
enum class Bounds : int64_t {
  from_end,      // negative ones count from the end; IndexError
  index_error,   // negative ones are out of bounds; IndexError
  runtime_error  // the same; RuntimeError
};
// One index over several dimensions of these sizes, from one int64 tensor (of one shape) for each.
// The error numbers the dimensions from `first`, and begins with `op` unless that is empty.
Tensor linear_index(const char* op, const Tensors& indices, const Dims& sizes, int first,
                    Bounds bounds = Bounds::from_end);

}  // namespace steep::ops
