// The maximum of each row and the sum of the exponentials below it: what softmax, logsumexp and
// cross entropy share.
#pragma once

#include <cstdint>

#include "kernels/partition.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_blocks.h"
#include "kernels/simd/vec_exp.h"

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

// exp(x) for what lies at most rounding above 0, as x - max does, and is not NaN. What would be
// subnormal, or nearly, is 0.
template <class T>
STEEP_INLINE T exp_not_nan(T x) {
  const T power = vec::exp_power(x);
  return vec::exp_raised(vec::exp_of_rest(vec::exp_rest(x, power)), power);
}
// The same, and NaN stays.
template <class T>
STEEP_INLINE T exp_below(T x) {
  const T e = exp_not_nan(x);
  return x != x ? x : e;
}

// ---- blocks ----

// out = exp(x) for one block, step by step: what exp_below gives, or else exp_not_nan. out may be
// x.
template <int kSize, bool kKeepNan, class T>
STEEP_INLINE void exp_block(T* out, const T* x) {
  T e[kSize], power[kSize];
#pragma omp simd
  for (int i = 0; i < kSize; ++i) power[i] = vec::exp_power(x[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = vec::exp_rest(x[i], power[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = vec::exp_of_rest(e[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) {
    const T raised = vec::exp_raised(e[i], power[i]);
    out[i] = kKeepNan && x[i] != x[i] ? x[i] : raised;
  }
}

// out = exp(x - shift) for one block without NaN.
template <int kSize, class T>
STEEP_INLINE void exp_block(T* out, const T* x, T shift) {
  T e[kSize];
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = x[i] - shift;
  exp_block<kSize, false>(out, e);
}

template <class T>
inline void exp_all(T* out, int64_t n) {
  constexpr int kSize = kVecBlock<T>;
  for (; n >= kSize; n -= kSize, out += kSize) exp_block<kSize, true>(out, out);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = exp_below(out[i]);
}

// A row shorter than kLanes: -inf, whose exponential is 0, fills it up.
template <bool kStore, class T, class Then>
inline void exp_few(T* out, const T* x, int64_t n, T shift, Then then) {
  T e[kLanes];
  for (int i = 0; i < kLanes; ++i) e[i] = lowest<T>();
  copy_tail(e, x, n);
  exp_block<kLanes>(e, e, shift);
  then(e, 0);
  if (kStore) copy_tail(out, e, n);
}

// out = exp(x - shift) for one row without NaN; kStore: whether there is an out. Every kLanes
// values go through then(values, seen), to be changed or added up: of the last ones of a row, which
// overlap with those before them, the first `seen` have been there.
template <bool kStore, class T, class Then>
STEEP_INLINE void for_exp_blocks(T* out, const T* x, int64_t n, T shift, Then then) {
  if (n < kLanes) return exp_few<kStore>(out, x, n, shift, then);
  constexpr int kSize = kVecBlock<T>;
  T buffer[kSize], last[kLanes];
  if (n % kLanes != 0) exp_block<kLanes>(last, x + n - kLanes, shift);  // out may lie over x
  int64_t i = 0;
  for (; i + kSize <= n; i += kSize) {
    T* const e = kStore ? out + i : buffer;
    exp_block<kSize>(e, x + i, shift);
    for (int j = 0; j < kSize; j += kLanes) then(e + j, 0);
  }
  for (; i + kLanes <= n; i += kLanes) {
    T* const e = kStore ? out + i : buffer;
    exp_block<kLanes>(e, x + i, shift);
    then(e, 0);
  }
  if (i == n) return;
  then(last, kLanes - (n - i));
  if (kStore) __builtin_memcpy(out + n - kLanes, last, sizeof(last));
}

// ---- rows ----

// The greater of two where neither is NaN: one instruction.
struct Higher {
  template <class V>
  static V apply(V a, V b) {
    return b > a ? b : a;
  }
};

// The maximum of n >= 4 * kLanes elements, or NaN if there is one: their sum shows it, at no cost
// to the comparisons. Infinities of both signs look alike; then Max decides.
template <class T>
inline T highest_of_row(const T* x, int64_t n) {
  using L = Lanes<T>;
  constexpr int kGroup = 4 * kLanes;
  L high[4], sum[2];
  STEEP_UNROLL
  for (int k = 0; k < 4; ++k) high[k] = L::fill(lowest<T>());
  sum[0] = sum[1] = L::fill(0);
  for (int64_t i = 0; i < n; i += kGroup) {
    const T* at = x + (n - i < kGroup ? n - kGroup : i);  // some once more, at the end
    STEEP_UNROLL
    for (int k = 0; k < 4; ++k) {
      const L lanes = L::load(at + k * kLanes);
      high[k].combine(Higher(), lanes);
      sum[k % 2].combine(Sum<T>(), lanes);
    }
  }
  sum[0].combine(Sum<T>(), sum[1]);
  const T all = combine_lanes<Sum<T>>(sum[0]);
  if (all != all) return reduce_row<Max<T>>(Plain<T>{x}, 0, n);
  high[0].combine(Higher(), high[1]);
  high[2].combine(Higher(), high[3]);
  high[0].combine(Higher(), high[2]);
  return combine_lanes<Higher>(high[0]);
}

// The sum of exp(x[i] - shift), n <= kChunk: element i belongs to lane i % 16. The terms go to
// `out` if there is one.
template <bool kStore, class T>
__attribute__((noinline)) T sum_exp_chunk(T* out, const T* x, int64_t n, T shift) {
  T sum[kLanes] = {};
  for_exp_blocks<kStore>(out, x, n, shift, [&](const T* e, int64_t seen) {
#pragma omp simd
    for (int j = 0; j < kLanes; ++j) sum[j] += j < seen ? T(0) : e[j];
  });
  return combine_lanes<Sum<T>>(Lanes<T>::load(sum));
}

// The sum of exp(x[i] - shift) over one row; the terms go to `out` if there is one. An infinite
// shift, or NaN, makes all of them NaN.
template <class T>
inline T sum_exp_row(const T* x, int64_t n, T shift, T* out) {
  if (!(shift - shift == 0)) {
    for (int64_t i = 0; out != nullptr && i < n; ++i) out[i] = vec::nan<T>();
    return vec::nan<T>();
  }
  Pairwise<Sum<T>, T> total;
  for (int64_t i = 0; i < n; i += kChunk) {
    const int64_t length = n - i < kChunk ? n - i : kChunk;
    total.push(out != nullptr ? sum_exp_chunk<true>(out + i, x + i, length, shift)
                              : sum_exp_chunk<false>(out, x + i, length, shift));
  }
  return total.result();
}

// ---- short rows ----

// Short rows are taken kRowGroup at a time, each in a lane of its own: column[j] holds their
// elements j.
constexpr int kRowGroup = 8;

// The rows' totals over n columns, kLanes <= n <= 4 * kLanes, with the bits of reduce_row, whose
// virtual lanes are columns here. What is missing from a lane would change nothing.
template <class Op, class T>
__attribute__((noinline)) Lanes<T, kRowGroup> combine_columns(const T (*column)[kRowGroup],
                                                              int64_t n) {
  using L = Lanes<T, kRowGroup>;
  const bool pairs = n >= 2 * kLanes;
  const int64_t first = pairs ? 2 * kLanes : kLanes;  // of the other accumulators' elements
  L lane[kLanes];
  for (int64_t j = 0; j < kLanes; ++j) {
    lane[j] = L::load(column[j]);
    if (pairs) lane[j].combine(Op(), L::load(column[j + kLanes]));
    if (first + j >= n) continue;
    L rest = L::load(column[first + j]);
    if (first + kLanes + j < n) rest.combine(Op(), L::load(column[first + kLanes + j]));
    lane[j].combine(Op(), rest);
  }
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int j = 0; j < half; ++j) lane[j].combine(Op(), lane[j + half]);
  }
  return lane[0];
}

// See sum_exp_rows. Fewer than kLanes elements are combined one after the other, as in reduce_row.
template <bool kStore, class T>
__attribute__((noinline)) void sum_exp_group(const T* x, int64_t n, T* highest, T* sum, T* out) {
  using L = Lanes<T, kRowGroup>;
  constexpr int kSize = kVecBlock<T>, kCols = kSize / kRowGroup;
  alignas(64) T column[kShortRow + kCols][kRowGroup];
  L top = L::fill(lowest<T>()), total = L::fill(0);
  const bool few = n < kLanes;
  for (int64_t j = 0; j < n; ++j) {
#pragma omp simd
    for (int r = 0; r < kRowGroup; ++r) column[j][r] = x[r * n + j];
    if (few) top.combine(Max<T>(), L::load(column[j]));
  }
  if (!few) top = combine_columns<Max<T>>(column, n);
  for (int j = 0; j < kCols - 1; ++j) L::fill(0).store(column[n + j]);  // up to a whole block
  for (int64_t j = 0; j < n; j += kCols) {
    T e[kSize];
    STEEP_UNROLL
    for (int k = 0; k < kCols; ++k) {
      L below = L::load(column[j + k]);
      below.combine(Difference(), top);
      below.store(e + k * kRowGroup);
    }
    exp_block<kSize, true>(column[j], e);
  }
  top.store(highest);
  for (int64_t j = 0; few && j < n; ++j) total.combine(Sum<T>(), L::load(column[j]));
  if (!few) total = combine_columns<Sum<T>>(column, n);
  total.store(sum);
  for (int r = 0; kStore && r < kRowGroup; ++r) {
    for (int64_t j = 0; j < n; ++j) out[r * n + j] = column[j][r];
  }
}

// The groups of `rows` rows, see sum_exp_rows; the last one may do some rows once more. Returns how
// many rows these are: the few that may remain go faster by themselves.
template <bool kStore, class T>
inline int64_t sum_exp_groups(const T* x, int64_t rows, int64_t n, T* highest, T* sum, T* out) {
  int64_t r = 0;
  for (; r + kRowGroup <= rows; r += kRowGroup) {
    sum_exp_group<kStore>(x + r * n, n, highest + r, sum + r, kStore ? out + r * n : out);
  }
  if (kStore || r == 0 || rows - r < kRowGroup / 2) return r;  // out may lie over x
  r = rows - kRowGroup;
  sum_exp_group<kStore>(x + r * n, n, highest + r, sum + r, out);
  return rows;
}

// The same row by row, but for one loop of exp over all of them.
template <class T>
inline void sum_exp_short_rows(const T* x, int64_t rows, int64_t n, T* highest, T* sum, T* out) {
  for (int64_t r = 0; r < rows; ++r) {
    highest[r] = reduce_row<Max<T>>(Plain<T>{x}, r * n, n);
  }
  alignas(64) T buffer[kChunk];
  T* terms = out != nullptr ? out : buffer;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < n; ++j) terms[r * n + j] = x[r * n + j] - highest[r];
  }
  exp_all(terms, rows * n);
  for (int64_t r = 0; r < rows; ++r) sum[r] = reduce_row<Sum<T>>(Plain<T>{terms}, r * n, n);
}

// For `rows` <= rows_at_a_time(n) rows of x[rows, n]: highest[r] their maximum and sum[r] the sum
// of exp(x - highest). An infinite maximum makes the sum NaN. The terms exp(x - highest) go to
// `out`, if there is one.
template <class T>
inline void sum_exp_rows(const T* x, int64_t rows, int64_t n, T* highest, T* sum, T* out) {
  if (n > kShortRow) {
    for (int64_t r = 0; r < rows; ++r) {
      highest[r] = highest_of_row(x + r * n, n);
      sum[r] = sum_exp_row(x + r * n, n, highest[r], out == nullptr ? out : out + r * n);
    }
    return;
  }
  int64_t done = 0;
  if (n < kLanes || n % kLanes != 0) {  // whole lanes go faster row by row
    done = out != nullptr ? sum_exp_groups<true>(x, rows, n, highest, sum, out)
                          : sum_exp_groups<false>(x, rows, n, highest, sum, out);
  }
  if (done == rows) return;
  sum_exp_short_rows(x + done * n, rows - done, n, highest + done, sum + done,
                     out == nullptr ? out : out + done * n);
}

}  // namespace
}  // namespace steep::kernels
