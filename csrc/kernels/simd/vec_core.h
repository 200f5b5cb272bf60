// The ground floor of the vector mathematics: bit patterns, explicit FMA, exact rounding,
// polynomials, pairs.
//
// All of it is branch-free scalar code, which the compiler turns into vectors inside a loop. Every
// lane therefore computes the very expression a scalar would, and width, tails and addresses cannot
// change a bit. Internal linkage throughout: each instruction set has its own copy.
#pragma once

#include <cstdint>

#include "kernels/isa.h"

#define STEEP_INLINE inline __attribute__((always_inline))

namespace steep::kernels {
namespace {
namespace vec {

template <class T>
struct Format;

template <>
struct Format<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23;  // stored bits
  static constexpr Bits kBias = 127;
  static constexpr Bits kSign = 0x80000000u;
  static constexpr Bits kInfinity = 0x7f800000u;
  static constexpr Bits kNaN = 0x7fc00000u;
  static constexpr Bits kSqrtHalf = 0x3f3504f3u;  // of 0.70710677
  static constexpr float kMagic = 12582912.0f;    // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float kWhole = 8388608.0f;     // 2^23: from here on every value is whole
  static constexpr float kMinNormal = 1.17549435e-38f;
  static constexpr float kMax = 3.40282347e38f;
};

template <>
struct Format<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr Bits kBias = 1023;
  static constexpr Bits kSign = 0x8000000000000000u;
  static constexpr Bits kInfinity = 0x7ff0000000000000u;
  static constexpr Bits kNaN = 0x7ff8000000000000u;
  static constexpr Bits kSqrtHalf = 0x3fe6a09e667f3bcdu;
  static constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double kWhole = 4503599627370496.0;  // 2^52
  static constexpr double kMinNormal = 2.2250738585072014e-308;
  static constexpr double kMax = 1.7976931348623157e308;
};

template <class T>
using BitsOf = typename Format<T>::Bits;

template <class T>
STEEP_INLINE BitsOf<T> to_bits(T x) {
  return __builtin_bit_cast(BitsOf<T>, x);
}
template <class T>
STEEP_INLINE T from_bits(BitsOf<T> bits) {
  return __builtin_bit_cast(T, bits);
}

template <class T>
STEEP_INLINE T infinity() {
  return from_bits<T>(Format<T>::kInfinity);
}
template <class T>
STEEP_INLINE T nan() {
  return from_bits<T>(Format<T>::kNaN);
}
template <class T>
STEEP_INLINE T abs(T x) {
  return from_bits<T>(to_bits(x) & ~Format<T>::kSign);
}
template <class T>
STEEP_INLINE T copysign(T magnitude, T sign) {
  return from_bits<T>((to_bits(magnitude) & ~Format<T>::kSign) |
                      (to_bits(sign) & Format<T>::kSign));
}
template <class T>
STEEP_INLINE BitsOf<T> sign_of(T x) {
  return to_bits(x) & Format<T>::kSign;
}
template <class T>
STEEP_INLINE T flip_sign(T x, BitsOf<T> sign) {
  return from_bits<T>(to_bits(x) ^ sign);
}

STEEP_INLINE float sqrt(float x) { return __builtin_sqrtf(x); }
STEEP_INLINE double sqrt(double x) { return __builtin_sqrt(x); }

// a * b + c: one rounding where the set has FMA, two in the baseline.
STEEP_INLINE float mul_add(float a, float b, float c) {
#if STEEP_HAS_FMA
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
STEEP_INLINE double mul_add(double a, double b, double c) {
#if STEEP_HAS_FMA
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// c0 + c1 x + c2 x^2 + ...
template <class T>
STEEP_INLINE T horner(T, T c0) {
  return c0;
}
template <class T, class... Rest>
STEEP_INLINE T horner(T x, T c0, T c1, Rest... rest) {
  return mul_add(x, horner(x, c1, rest...), c0);
}

// Rounding to whole numbers, in one instruction where there is one.
#if defined(__SSE4_1__) || defined(__aarch64__)
STEEP_INLINE float round_even(float x) { return __builtin_rintf(x); }
STEEP_INLINE double round_even(double x) { return __builtin_rint(x); }
STEEP_INLINE float floor(float x) { return __builtin_floorf(x); }
STEEP_INLINE double floor(double x) { return __builtin_floor(x); }
STEEP_INLINE float ceil(float x) { return __builtin_ceilf(x); }
STEEP_INLINE double ceil(double x) { return __builtin_ceil(x); }
STEEP_INLINE float trunc(float x) { return __builtin_truncf(x); }
STEEP_INLINE double trunc(double x) { return __builtin_trunc(x); }
#else
template <class T>
STEEP_INLINE T round_even(T x) {
  const T a = abs(x);
  const T whole = (a + Format<T>::kWhole) - Format<T>::kWhole;
  return a < Format<T>::kWhole ? copysign(whole, x) : x;
}
template <class T>
STEEP_INLINE T floor(T x) {
  const T whole = round_even(x);
  return copysign(whole > x ? whole - T(1) : whole, x);
}
template <class T>
STEEP_INLINE T ceil(T x) {
  const T whole = round_even(x);
  return copysign(whole < x ? whole + T(1) : whole, x);
}
template <class T>
STEEP_INLINE T trunc(T x) {
  return copysign(floor(abs(x)), x);
}
#endif

// A value and the part of it that did not fit: hi + lo, |lo| at most half a unit in the last place
// of hi.
template <class T>
struct Pair {
  T hi, lo;
};

// a + b exactly.
template <class T>
STEEP_INLINE Pair<T> two_sum(T a, T b) {
  const T sum = a + b;
  const T part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}
// a + b exactly, where |a| >= |b| or a is 0.
template <class T>
STEEP_INLINE Pair<T> fast_two_sum(T a, T b) {
  const T sum = a + b;
  return {sum, b - (sum - a)};
}

// a * b exactly: by FMA, else by halves after Dekker.
template <class T>
STEEP_INLINE Pair<T> two_product(T a, T b) {
  const T product = a * b;
#if STEEP_HAS_FMA
  return {product, mul_add(a, b, -product)};
#else
  constexpr BitsOf<T> kHalf = BitsOf<T>(1)
                              << (Format<T>::kMantissa / 2);  // rounds to the upper half
  const T a_hi = from_bits<T>((to_bits(a) + kHalf) & ~(2 * kHalf - 1)), a_lo = a - a_hi;
  const T b_hi = from_bits<T>((to_bits(b) + kHalf) & ~(2 * kHalf - 1)), b_lo = b - b_hi;
  return {product, ((a_hi * b_hi - product) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo};
#endif
}

// c - a * b where that difference fits its type: exact on every set, by FMA or through the exact
// product.
template <class T>
STEEP_INLINE T subtract_product(T c, T a, T b) {
#if STEEP_HAS_FMA
  return mul_add(-a, b, c);
#else
  const Pair<T> product = two_product(a, b);
  return (c - product.hi) - product.lo;
#endif
}

// An integral value as a number and, for bit patterns, as an integer (two's complement).
template <class T>
struct Whole {
  T value;
  BitsOf<T> count;
};

// The whole number nearest to a * b, for |a * b| below 2^22 (float) or 2^51 (double).
template <class T>
STEEP_INLINE Whole<T> nearest_whole(T a, T b) {
  const T shifted = mul_add(a, b, Format<T>::kMagic);
  return {shifted - Format<T>::kMagic, to_bits(shifted) - to_bits(Format<T>::kMagic)};
}

// 2^k for k within the exponents of normal numbers.
template <class T>
STEEP_INLINE T power_of_two(BitsOf<T> k) {
  return from_bits<T>((k + Format<T>::kBias) << Format<T>::kMantissa);
}

// x * 2^k for k up to about twice the exponent range: two factors, so that only the last product
// rounds or overflows.
template <class T>
STEEP_INLINE T scale(T x, BitsOf<T> k) {
  constexpr BitsOf<T> kOffset = 8 * (Format<T>::kBias + 1);  // keeps the halving unsigned
  const BitsOf<T> half = ((k + 2 * kOffset) >> 1) - kOffset;
  return x * power_of_two<T>(half) * power_of_two<T>(k - half);
}

// -bound <= x <= bound; NaN stays.
template <class T>
STEEP_INLINE T limit(T x, T bound) {
  const T a = abs(x);
  return copysign(bound < a ? bound : a, x);
}

}  // namespace vec
}  // namespace
}  // namespace steep::kernels
