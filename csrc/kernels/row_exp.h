// The maximum of each row and the sum of the exponentials below it: what softmax, logsumexp and
// cross entropy share.
#pragma once

#include <cstdint>

#include "lanes.h"
#include "partition.h"
#include "vec_exp.h"

namespace steep::kernels {
namespace {

// Rows up to this length are taken several at a time, so that one loop of exp runs over all of
// them.
constexpr int64_t kShortRow = 64;
constexpr int64_t kMostRows = 64;

// How many rows of n elements to take at a time: kMostRows and kChunk elements at most, or one.
constexpr int64_t rows_at_a_time(int64_t n) {
  if (n > kShortRow) return 1;
  const int64_t fitting = n == 0 ? kMostRows : kChunk / n;
  return fitting < kMostRows ? fitting : kMostRows;
}

// exp(x) for what lies at most rounding above 0, as x - max does, and is not NaN: one bound will
// do. What would be subnormal, or nearly, is 0.
template <class T>
STEEP_INLINE T exp_not_nan(T x) {
  constexpr T kLowest = -vec::kNear<T>;
  const T e = vec::exp_near(x < kLowest ? kLowest : x);
  return x < kLowest ? T(0) : e;
}
// The same, and NaN stays.
template <class T>
STEEP_INLINE T exp_below(T x) {
  const T e = exp_not_nan(x);
  return x != x ? x : e;
}

template <class T>
inline void exp_all(T* out, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = exp_below(out[i]);
}

// out = exp(x - shift). NaN in a row makes its maximum and what comes of it NaN: where the shift is
// finite there is none to look out for.
template <class T>
inline void exp_shifted_row(T* out, const T* x, int64_t n, T shift) {
  if (shift - shift == 0) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = exp_not_nan(x[i] - shift);
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = exp_below(x[i] - shift);
  }
}

// The sum of exp(x[i] - shift) over one row; the terms go to `out` if there is one.
template <class T>
inline T sum_exp_row(const T* x, int64_t n, T shift, T* out) {
  alignas(64) T buffer[kChunk];
  Pairwise<Sum<T>, T> total;
  for (int64_t i = 0; i < n; i += kChunk) {
    const int64_t length = n - i < kChunk ? n - i : kChunk;
    T* terms = out != nullptr ? out + i : buffer;
    exp_shifted_row(terms, x + i, length, shift);
    total.push(reduce_chunk<Sum<T>>(terms, length));
  }
  return total.result();
}

// For `rows` <= rows_at_a_time(n) rows of x[rows, n]: highest[r] their maximum and sum[r] the sum
// of exp(x - highest). An infinite maximum makes the sum NaN. The terms exp(x - highest) go to
// `out`, if there is one.
template <class T>
inline void sum_exp_rows(const T* x, int64_t rows, int64_t n, T* highest, T* sum, T* out) {
  for (int64_t r = 0; r < rows; ++r) {
    highest[r] = reduce_row<Max<T>>(Plain<T>{x}, r * n, n);
  }
  if (n > kShortRow) {
    for (int64_t r = 0; r < rows; ++r) {
      sum[r] = sum_exp_row(x + r * n, n, highest[r], out == nullptr ? out : out + r * n);
    }
    return;
  }
  alignas(64) T buffer[kChunk];
  T* terms = out != nullptr ? out : buffer;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < n; ++j) terms[r * n + j] = x[r * n + j] - highest[r];
  }
  exp_all(terms, rows * n);
  for (int64_t r = 0; r < rows; ++r) sum[r] = reduce_row<Sum<T>>(Plain<T>{terms}, r * n, n);
}

}  // namespace
}  // namespace steep::kernels
