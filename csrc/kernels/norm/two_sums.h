// Two sums in one pass over contiguous elements, in the order of lanes.h: what the statistics of a
// normalisation and its gradient are made of.
#pragma once

#include "kernels/partition.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/simd.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {
namespace {

template <class T>
struct Two {
  T first, second;
};

// A number or a vector from memory.
template <class V, class T>
STEEP_INLINE V read(const T* x) {
  V value;
  __builtin_memcpy(&value, x, sizeof(V));
  return value;
}

// a * b + c of numbers or vectors, with one rounding where the set has FMA.
template <class V>
STEEP_INLINE V multiply_add(V a, V b, V c) {
  if constexpr (kIsFloat<V>) {
    return vec::mul_add(a, b, c);
  } else {
    using T = __typeof__(a[0] + a[0]);
#if defined(__AVX2__) || defined(__aarch64__)
    using Vectors = Reg<T, static_cast<int>(sizeof(V))>;
    using Own = typename Vectors::V;
    return (V)Vectors::fma((Own)a, (Own)b, (Own)c);
#else
    V sum;
    STEEP_UNROLL
    for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(T)); ++i) {
      sum[i] = vec::mul_add(a[i], b[i], c[i]);
    }
    return sum;
#endif
  }
}

// The terms are added to lanes of two accumulators by turns, each with its 16 lanes: a rule's
// add(j, first, second) adds those of element j, or of the vector that begins there.
template <class T, class Rule>
STEEP_INLINE void add_lanes(const Rule& rule, int64_t j, Lanes<T>& first, Lanes<T>& second) {
  STEEP_UNROLL
  for (int p = 0; p < Lanes<T>::kParts; ++p) {
    rule.add(j + p * Lanes<T>::kWidth, first.part[p], second.part[p]);
  }
}

// The two sums of elements [at, at + n), n <= kChunk.
template <class T, class Rule>
__attribute__((noinline)) Two<T> sum_two_of_chunk(const Rule& rule, int64_t at, int64_t n) {
  Lanes<T> first = Lanes<T>::fill(0), second = first, other_first = first, other_second = first;
  const int64_t end = at + n;
  for (; at + 2 * kLanes <= end; at += 2 * kLanes) {
    add_lanes(rule, at, first, second);
    add_lanes(rule, at + kLanes, other_first, other_second);
  }
  if (end - at >= kLanes) add_lanes(rule, at, first, second), at += kLanes;
  T tail_first = 0, tail_second = 0;
  for (; at < end; ++at) rule.add(at, tail_first, tail_second);
  first.combine(Sum<T>(), other_first);
  second.combine(Sum<T>(), other_second);
  return {combine_lanes<Sum<T>>(first) + tail_first, combine_lanes<Sum<T>>(second) + tail_second};
}

// Of n elements, kLanes <= n < 2 * kLanes, in the same order, without a call.
template <class T, class Rule>
STEEP_INLINE Two<T> sum_two_of_few(const Rule& rule, int64_t n) {
  Lanes<T> first = Lanes<T>::fill(0), second = first;
  add_lanes(rule, 0, first, second);
  T tail_first = 0, tail_second = 0;
  for (int64_t at = kLanes; at < n; ++at) rule.add(at, tail_first, tail_second);
  return {combine_lanes<Sum<T>>(first) + tail_first, combine_lanes<Sum<T>>(second) + tail_second};
}

// The two sums of a whole row; of fewer than 16 elements in their order.
template <class T, class Rule>
Two<T> sum_two(const Rule& rule, int64_t n) {
  if (n < kLanes) {
    Two<T> sums{0, 0};
    for (int64_t j = 0; j < n; ++j) rule.add(j, sums.first, sums.second);
    return sums;
  }
  if (n < 2 * kLanes) return sum_two_of_few<T>(rule, n);
  if (n <= kChunk) return sum_two_of_chunk<T>(rule, 0, n);
  Pairwise<Sum<T>, T> first, second;
  for (int64_t j = 0; j < n; j += kChunk) {
    const Two<T> part = sum_two_of_chunk<T>(rule, j, n - j < kChunk ? n - j : kChunk);
    first.push(part.first);
    second.push(part.second);
  }
  return {first.result(), second.result()};
}

// Deviations from about the mean, and their squares.
template <class T>
struct Deviations {
  const T* x;
  T mean;
  template <class V>
  STEEP_INLINE void add(int64_t j, V& first, V& second) const {
    const V deviation = read<V>(x + j) - mean;
    first += deviation;
    second = multiply_add(deviation, deviation, second);
  }
};

// A number near the mean of a row: the mean of its first elements, at least one in 16. The squares
// of deviations from it lose at most the factor of 16 to those from the mean itself, for where the
// first elements lie far from the others, the variance is as large.
template <class T>
T about_the_mean(const T* x, int64_t n) {
  const int64_t some = n <= 64 * 16 ? 64 : ceil_div(n, 16);
  const int64_t first = n < some ? n : some;
  return reduce_row<Sum<T>>(Plain<T>{x}, 0, first) / static_cast<T>(first);
}

// Whether `chunks` of equal work keep the threads busy at least two thirds of the time.
constexpr bool shares_evenly(int64_t chunks, int threads) {
  return 2 * ceil_div(chunks, threads) * threads <= 3 * chunks;
}

}  // namespace
}  // namespace steep::kernels
