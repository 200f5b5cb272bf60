// Views that only their own family, indexing and the registry call.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// view_register.cpp
Tensor movedim(const Tensor& x, const Dims& source, const Dims& destination);
Tensor windows_of_dim(const Tensor& x, int64_t dimension, int64_t size,
                      int64_t step);  // arrange.cpp
Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim);
Tensor unflatten(const Tensor& x, int64_t dim, const Dims& sizes);
Tensors unbind(const Tensor& x, int64_t dim);
Tensor stack(const Tensors& tensors, int64_t dim);  // join.cpp
// Refuses more parts than a tuple can hold, rather than fill the memory with them.
int part_count(const char* op, int64_t parts);
Tensors split(const Tensor& x, int64_t split_size, int64_t dim);
Tensors split_sizes(const Tensor& x, const Dims& sizes, int64_t dim);
Tensors chunk(const Tensor& x, int64_t chunks, int64_t dim);
// Elements start, start + step, ... (length of them) of one dimension; the caller has checked the
// range.
Tensor stepped(const char* op, const Tensor& x, int dim, int64_t start, int64_t length,
               int64_t step);

}  // namespace steep::ops
