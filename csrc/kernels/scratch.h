// How many bytes of scratch a routine wants, from its dims, the size of its compute type and the
// number of threads that may run it. A routine without a function here wants none. More threads
// than will run is safe; fewer is not. The scratch is one for all ranks, but for gemm's.
#pragma once

#include <cstdint>

#include "kernels/partition.h"
#include "kernels/product/gemm_blocks.h"

namespace steep::kernels {
namespace {

// sum, prod, max, min, argmax, argmin, any, all: the partial results of chunks.
constexpr int64_t reduce_scratch(const int64_t* dims, int element_size, int threads) {
  const int64_t outer = dims[0], n = dims[1], inner = dims[2];
  const int64_t chunks = ceil_div(n, inner == 1 ? kChunk : kRowChunk);
  const bool wanted = inner == 1 ? shares_chunks(outer, chunks, threads)
                                 : keeps_partial_rows(outer, n, inner, element_size, threads);
  return wanted ? outer * chunks * inner * element_size : 0;
}

// wide_mean, variance, deviation: the same, in float64.
constexpr int64_t wide_reduce_scratch(const int64_t* dims, int /*element_size*/, int threads) {
  return reduce_scratch(dims, sizeof(double), threads);
}

// cross_entropy: the loss of each row, before they are added.
constexpr int64_t cross_entropy_scratch(const int64_t* dims, int element_size, int /*threads*/) {
  return dims[0] * element_size;
}

// squared_error: the partial sum of each chunk.
constexpr int64_t squared_error_scratch(const int64_t* dims, int element_size, int /*threads*/) {
  return ceil_div(dims[0], kChunk) * element_size;
}

// layer_norm_backward: the partial sums over each chunk of rows, for weight and bias.
constexpr int64_t layer_norm_backward_scratch(const int64_t* dims, int element_size,
                                              int /*threads*/) {
  const int64_t rows = dims[0], n = dims[1];
  return dims[2] != 0 ? ceil_div(rows, kRowChunk) * 2 * n * element_size : 0;
}

// gemm: one thread's packed blocks and partial sums.
constexpr int64_t gemm_scratch(const int64_t* dims, int element_size, int /*threads*/) {
  return gemm_room(dims[0] * dims[1], dims[2], dims[3], dims[13] != 0).all() * element_size;
}

}  // namespace
}  // namespace steep::kernels
