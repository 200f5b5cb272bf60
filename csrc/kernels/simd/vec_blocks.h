// Functions of vec_exp.h for a block of contiguous elements at once.
//
// Each step of a function is taken for the whole block before the next, so that the CPU has work
// while it waits: as one expression the steps wait for one another, and a CPU looks only a few
// vectors ahead. An element has the bits that the function gives for it alone.
#pragma once

#include <cstdint>

#include "kernels/simd/vec_exp.h"

namespace steep::kernels {
namespace {

// As many elements as keep the CPU busy: with more, their values leave the registers.
template <class T>
constexpr int kVecBlock = 128 / static_cast<int>(sizeof(T));

// In all of them out may be x.

// For |x| <= kNear, as exp_near.
template <class T>
STEEP_INLINE void exp_near_block(T* out, const T* x) {
  constexpr int kSize = kVecBlock<T>;
  T e[kSize], power[kSize];
#pragma omp simd
  for (int i = 0; i < kSize; ++i) power[i] = vec::exp_power(x[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = vec::exp_rest(x[i], power[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = vec::exp_growth(e[i]) + T(1);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) out[i] = vec::times_power(e[i], power[i]);
}

template <class T>
STEEP_INLINE void sigmoid_block(T* out, const T* x) {
  constexpr int kSize = kVecBlock<T>;
  T e[kSize], power[kSize];
#pragma omp simd
  for (int i = 0; i < kSize; ++i) power[i] = vec::sigmoid_power(vec::sigmoid_bounded(x[i]));
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = vec::sigmoid_rest(vec::sigmoid_bounded(x[i]), power[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = vec::exp_growth(e[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) {
    const vec::Pair<T> bottom = vec::sigmoid_bottom(e[i], power[i]);
    power[i] = bottom.hi;
    e[i] = bottom.lo;
  }
#pragma omp simd
  for (int i = 0; i < kSize; ++i) out[i] = vec::sigmoid_ratio(power[i], e[i]);
}

template <class T>
STEEP_INLINE void tanh_block(T* out, const T* x) {
  constexpr int kSize = kVecBlock<T>;
  T e[kSize], power[kSize];
#pragma omp simd
  for (int i = 0; i < kSize; ++i) power[i] = vec::tanh_power(vec::tanh_size(x[i]));
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = vec::tanh_rest(vec::tanh_size(x[i]), power[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = vec::exp_of_twice(e[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) e[i] = vec::tanh_far(e[i], power[i]);
#pragma omp simd
  for (int i = 0; i < kSize; ++i) power[i] = vec::tanh_near(vec::abs(x[i]));
#pragma omp simd
  for (int i = 0; i < kSize; ++i) out[i] = vec::tanh_either(x[i], e[i], power[i]);
}

}  // namespace
}  // namespace steep::kernels
