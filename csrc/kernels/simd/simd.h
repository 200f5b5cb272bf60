// The CPU's own vectors, for the kernels that must say which registers they use: matrix products.
//
// Reg<T, bytes> names one vector type and the few operations that the vector extension has no
// spelling for: unaligned access to all or to the first few lanes, broadcast, and multiply-add.
// `Native<T>` is the widest of the build's instruction set; the scalar_fma build has registers of
// one lane, which proves that no result depends on the width.
#pragma once

#include <cstdint>

#include "kernels/isa.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

// Loops over registers must be unrolled completely, or the registers become memory.
#if defined(__clang__)
#define STEEP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define STEEP_UNROLL _Pragma("GCC unroll 64")
#endif
#define STEEP_INLINE inline __attribute__((always_inline))

namespace steep::kernels {
namespace {

#if defined(__AVX512F__)
constexpr int kRegisterBytes = 64, kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kRegisterBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kRegisterBytes = 16, kRegisters = 32;
#elif STEEP_HAS_FMA
constexpr int kRegisterBytes = 0, kRegisters = 16;  // scalar_fma: one lane, whatever the type
#else
constexpr int kRegisterBytes = 16, kRegisters = 16;
#endif

// Any width the vector extension can express; partial access goes lane by lane.
template <class T, int bytes>
struct Reg {
  static constexpr int lanes = bytes / static_cast<int>(sizeof(T));
  static constexpr bool masks = false;  // whether partial access is about as fast as full access
  typedef T V __attribute__((vector_size(bytes)));

  static STEEP_INLINE V zero() { return V{}; }
  static STEEP_INLINE V broadcast(T x) { return x - V{}; }
  static STEEP_INLINE V load(const T* x) {
    V v;
    __builtin_memcpy(&v, x, sizeof(v));
    return v;
  }
  static STEEP_INLINE void store(T* x, V v) { __builtin_memcpy(x, &v, sizeof(v)); }
  static STEEP_INLINE V load(const T* x, int count) {
    T all[lanes] = {};
    copy(all, x, count);
    return load(all);
  }
  static STEEP_INLINE void store(T* x, V v, int count) {
    T all[lanes];
    store(all, v);
    copy(x, all, count);
  }
  static __attribute__((noinline)) void copy(T* to, const T* from, int count) {
    for (int i = 0; i < count; ++i) to[i] = from[i];
  }
  static STEEP_INLINE V fma(V a, V b, V c) {
#if defined(__aarch64__)
    if constexpr (sizeof(T) == 4) {
      return (V)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
    } else {
      return (V)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
    }
#else
    return a * b + c;
#endif
  }
};

// One lane.
template <class T>
struct Reg<T, 0> {
  static constexpr int lanes = 1;
  static constexpr bool masks = false;
  typedef T V;

  static STEEP_INLINE V zero() { return 0; }
  static STEEP_INLINE V broadcast(T x) { return x; }
  static STEEP_INLINE V load(const T* x) { return *x; }
  static STEEP_INLINE void store(T* x, V v) { *x = v; }
  static STEEP_INLINE V load(const T* x, int count) { return count > 0 ? *x : 0; }
  static STEEP_INLINE void store(T* x, V v, int count) {
    if (count > 0) *x = v;
  }
  static STEEP_INLINE V fma(V a, V b, V c) {
    if constexpr (sizeof(T) == 4) {
      return __builtin_fmaf(a, b, c);
    } else {
      return __builtin_fma(a, b, c);
    }
  }
};

#if defined(__AVX2__)

// A load from this table, 8 - n (or 4 - n) entries from its start, has its first n lanes set.
alignas(64) const int32_t kMask32[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
alignas(64) const int64_t kMask64[8] = {-1, -1, -1, -1, 0, 0, 0, 0};

template <>
struct Reg<float, 32> {
  static constexpr int lanes = 8;
  static constexpr bool masks = true;
  typedef __m256 V;

  static STEEP_INLINE V zero() { return _mm256_setzero_ps(); }
  static STEEP_INLINE V broadcast(float x) { return _mm256_set1_ps(x); }
  static STEEP_INLINE V load(const float* x) { return _mm256_loadu_ps(x); }
  static STEEP_INLINE void store(float* x, V v) { _mm256_storeu_ps(x, v); }
  static STEEP_INLINE V load(const float* x, int count) {
    return _mm256_maskload_ps(
        x, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMask32 + 8 - count)));
  }
  // Masked stores are microcode on some CPUs; at most three plain ones are not.
  static STEEP_INLINE void store(float* x, V v, int count) {
    if (count >= 8) return store(x, v);
    __m128 part = _mm256_castps256_ps128(v);
    if (count & 4) {
      _mm_storeu_ps(x, part);
      part = _mm256_extractf128_ps(v, 1);
      x += 4;
    }
    if (count & 2) {
      _mm_storel_pi(reinterpret_cast<__m64*>(x), part);
      part = _mm_movehl_ps(part, part);
      x += 2;
    }
    if (count & 1) _mm_store_ss(x, part);
  }
  static STEEP_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
};

template <>
struct Reg<double, 32> {
  static constexpr int lanes = 4;
  static constexpr bool masks = true;
  typedef __m256d V;

  static STEEP_INLINE V zero() { return _mm256_setzero_pd(); }
  static STEEP_INLINE V broadcast(double x) { return _mm256_set1_pd(x); }
  static STEEP_INLINE V load(const double* x) { return _mm256_loadu_pd(x); }
  static STEEP_INLINE void store(double* x, V v) { _mm256_storeu_pd(x, v); }
  static STEEP_INLINE V load(const double* x, int count) {
    return _mm256_maskload_pd(
        x, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMask64 + 4 - count)));
  }
  static STEEP_INLINE void store(double* x, V v, int count) {
    if (count >= 4) return store(x, v);
    __m128d part = _mm256_castpd256_pd128(v);
    if (count & 2) {
      _mm_storeu_pd(x, part);
      part = _mm256_extractf128_pd(v, 1);
      x += 2;
    }
    if (count & 1) _mm_store_sd(x, part);
  }
  static STEEP_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_pd(a, b, c); }
};

#endif  // __AVX2__

#if defined(__AVX512F__)

template <>
struct Reg<float, 64> {
  static constexpr int lanes = 16;
  static constexpr bool masks = true;
  typedef __m512 V;

  static STEEP_INLINE __mmask16 first(int count) {
    return static_cast<__mmask16>((1u << count) - 1u);
  }
  static STEEP_INLINE V zero() { return V{}; }
  static STEEP_INLINE V broadcast(float x) { return _mm512_set1_ps(x); }
  static STEEP_INLINE V load(const float* x) { return _mm512_loadu_ps(x); }
  static STEEP_INLINE void store(float* x, V v) { _mm512_storeu_ps(x, v); }
  static STEEP_INLINE V load(const float* x, int count) {
    return _mm512_maskz_loadu_ps(first(count), x);
  }
  static STEEP_INLINE void store(float* x, V v, int count) {
    _mm512_mask_storeu_ps(x, first(count), v);
  }
  static STEEP_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
};

template <>
struct Reg<double, 64> {
  static constexpr int lanes = 8;
  static constexpr bool masks = true;
  typedef __m512d V;

  static STEEP_INLINE __mmask8 first(int count) {
    return static_cast<__mmask8>((1u << count) - 1u);
  }
  static STEEP_INLINE V zero() { return V{}; }
  static STEEP_INLINE V broadcast(double x) { return _mm512_set1_pd(x); }
  static STEEP_INLINE V load(const double* x) { return _mm512_loadu_pd(x); }
  static STEEP_INLINE void store(double* x, V v) { _mm512_storeu_pd(x, v); }
  static STEEP_INLINE V load(const double* x, int count) {
    return _mm512_maskz_loadu_pd(first(count), x);
  }
  static STEEP_INLINE void store(double* x, V v, int count) {
    _mm512_mask_storeu_pd(x, first(count), v);
  }
  static STEEP_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_pd(a, b, c); }
};

#endif  // __AVX512F__

template <class T>
using Native = Reg<T, kRegisterBytes>;

// The registers that square blocks are transposed in: 8x8 or 4x4 floats, 4x4 or 2x2 doubles, or
// single values.
template <class T>
using SquareReg = Reg<T, (kRegisterBytes < 32 ? kRegisterBytes : 32)>;

// Transposes the square whose rows are a, b, ...: named registers, because compilers keep an array
// in memory.
#if !(STEEP_HAS_FMA && !defined(__AVX2__) && !defined(__aarch64__))

template <class V>
STEEP_INLINE void transpose(V& a, V& b) {
  const V low = __builtin_shufflevector(a, b, 0, 2);
  b = __builtin_shufflevector(a, b, 1, 3);
  a = low;
}

// 4x4 of any element: exchange within pairs of rows, then between the pairs.
template <class V>
STEEP_INLINE void transpose(V& a, V& b, V& c, V& d) {
  const V ab_even = __builtin_shufflevector(a, b, 0, 4, 2, 6);
  const V ab_odd = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  const V cd_even = __builtin_shufflevector(c, d, 0, 4, 2, 6);
  const V cd_odd = __builtin_shufflevector(c, d, 1, 5, 3, 7);
  a = __builtin_shufflevector(ab_even, cd_even, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_odd, cd_odd, 0, 1, 4, 5);
  c = __builtin_shufflevector(ab_even, cd_even, 2, 3, 6, 7);
  d = __builtin_shufflevector(ab_odd, cd_odd, 2, 3, 6, 7);
}

// 4x4 in each half of registers of 8.
template <class V>
STEEP_INLINE void transpose_halves(V& a, V& b, V& c, V& d) {
  const V ab_low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
  const V ab_high = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  const V cd_low = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13);
  const V cd_high = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 8, 9, 4, 5, 12, 13);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 10, 11, 6, 7, 14, 15);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 8, 9, 4, 5, 12, 13);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 10, 11, 6, 7, 14, 15);
}

// Exchanges the high half of a with the low half of b.
template <class V>
STEEP_INLINE void exchange_halves(V& a, V& b) {
  const V low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
  b = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  a = low;
}

template <class V>
STEEP_INLINE void transpose(V& a, V& b, V& c, V& d, V& e, V& f, V& g, V& h) {
  exchange_halves(a, e);
  exchange_halves(b, f);
  exchange_halves(c, g);
  exchange_halves(d, h);
  transpose_halves(a, b, c, d);
  transpose_halves(e, f, g, h);
}

#endif

}  // namespace
}  // namespace steep::kernels
