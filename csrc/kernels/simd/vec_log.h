// Logarithms: log, log2, log10, log1p, and softplus, for float and double.
//
// x = 2^k m with m in [sqrt(1/2), sqrt(2)), f = m - 1, and log(x) = k ln2 + log(1 + f).
#pragma once

#include "kernels/simd/vec_core.h"
#include "kernels/simd/vec_exp.h"

namespace steep::kernels {
namespace {
namespace vec {

// x = 2^k (1 + f), for x positive; k is exact as a number.
template <class T>
struct Split {
  T f, k;
};

template <class T>
STEEP_INLINE Split<T> split(T x) {
  using F = Format<T>;
  constexpr BitsOf<T> kBiasUp = F::kBias + 1;  // keeps the shifted value unsigned
  const bool tiny = x < F::kMinNormal;
  const T scaled = tiny ? x * (T(4) * F::kWhole) : x;
  const BitsOf<T> bits = to_bits(scaled) - F::kSqrtHalf + (kBiasUp << F::kMantissa);
  // The exponent as a number, by the magic addition: no conversion of 64-bit integers is needed.
  const BitsOf<T> exponent = bits >> F::kMantissa;
  const T number = from_bits<T>(exponent + to_bits(F::kWhole)) - F::kWhole;
  const T k = number - (tiny ? T(kBiasUp + F::kMantissa + 2) : T(kBiasUp));
  constexpr BitsOf<T> kFraction = (BitsOf<T>(1) << F::kMantissa) - 1;
  return {from_bits<T>((bits & kFraction) + F::kSqrtHalf) - T(1), k};
}

// log(1 + f) = f - tail, tail near f^2 / 2.
STEEP_INLINE float log_tail(float f) {
  const float p = horner(f, 0.33333313f, -0.25000012f, 0.20002079f, -0.16667861f, 0.14220043f,
                         -0.1240791f, 0.11887693f, -0.116634734f, 0.067328244f);
  const float square = f * f;
  return mul_add(square, 0.5f, -(square * f) * p);
}
// s = f / (2 + f), log(1 + f) = f - s (f - R) with R = s^2 (2/3 + 2/5 s^2 + ...); f - s f = 2 s.
STEEP_INLINE double log_tail(double f) {
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double rest =
      z * horner(z, 0.666666666666667, 0.3999999999989756, 0.28571428627167506, 0.22222210920001936,
                 0.18182905524814252, 0.15331162127138254, 0.14623474453324417);
  const double half_square = 0.5 * f * f;
  return half_square - s * (half_square + rest);
}

// The logarithm's values where it has no polynomial: 0, infinity, negatives, NaN.
template <class T>
STEEP_INLINE T log_edges(T x, T out) {
  const T finite = x == infinity<T>() ? x : out;
  const T positive = x == T(0) ? -infinity<T>() : finite;
  return x < T(0) || x != x ? nan<T>() : positive;
}

// Accuracy: 0.84 (float), 0.89 (double).
template <class T>
STEEP_INLINE T log(T x) {
  using C = ExpConstants<T>;
  const Split<T> s = split(x);
  const T small = mul_add(s.k, C::kLn2Lo, -log_tail(s.f));
  return log_edges(x, mul_add(s.k, C::kLn2Hi, s.f + small));
}

// log(1 + f) as a pair, exact to a few bits beyond its type.
template <class T>
STEEP_INLINE Pair<T> log_pair(T f) {
  return fast_two_sum(f, -log_tail(f));
}

// log_b(x) = k scale_k + log(1 + f) scale, each scale given as the pair of its head and its rest.
template <class T>
STEEP_INLINE T log_scaled(T x, Pair<T> per_k, Pair<T> scale) {
  const Split<T> s = split(x);
  const Pair<T> l = log_pair(s.f);
  const Pair<T> product = two_product(l.hi, scale.hi);
  const T product_low = mul_add(l.hi, scale.lo, mul_add(l.lo, scale.hi, product.lo));
  const Pair<T> sum = fast_two_sum(s.k * per_k.hi, product.hi);
  return log_edges(x, sum.hi + (sum.lo + mul_add(s.k, per_k.lo, product_low)));
}

// Accuracy: 0.87 (float), 0.94 (double).
STEEP_INLINE float log2(float x) {
  return log_scaled<float>(x, {1.0f, 0.0f}, {1.44269502f, 1.92596299e-8f});
}
STEEP_INLINE double log2(double x) {
  return log_scaled<double>(x, {1.0, 0.0}, {1.4426950408889634, 2.0355273740931033e-17});
}
// Accuracy: 0.71 (float), 0.75 (double).
STEEP_INLINE float log10(float x) {  // 0.301025390625 has 11 bits: k times it is exact
  return log_scaled<float>(x, {0.301025390625f, 4.60503898e-6f}, {0.434294492f, -1.01030501e-8f});
}
STEEP_INLINE double log10(double x) {
  return log_scaled<double>(x, {0.30102999566395283, 2.8363394551044964e-14},
                            {0.4342944819032518, 1.098319650216765e-17});
}

// log(1 + x): where 1 + x needs no power of two, f is x itself; elsewhere what 1 + x lost is added
// back.
template <class T>
STEEP_INLINE T log1p_finite(T x) {
  using C = ExpConstants<T>;
  const T u = T(1) + x;
  const Split<T> s = split(u);
  const bool near = s.k == T(0);
  const T f = near ? x : s.f;
  const T lost = x > T(1) ? T(1) - (u - x) : x - (u - T(1));
  const T correction = near ? T(0) : lost / u;
  const T small = mul_add(s.k, C::kLn2Lo, correction - log_tail(f));
  return mul_add(s.k, C::kLn2Hi, f + small);
}

// Accuracy: 0.90 (float), 0.86 (double).
template <class T>
STEEP_INLINE T log1p(T x) {
  const T out = log_edges(x + T(1), log1p_finite(x));
  return abs(x) < T(4) * Format<T>::kMinNormal ? x : out;  // keeps -0 and subnormals
}

// log(1 + exp(x)), from exp(-|x|), which cannot overflow.
// Accuracy: 1.58 (float), 1.62 (double).
template <class T>
STEEP_INLINE T softplus(T x) {
  const T positive = x > T(0) ? x : T(0);
  return positive + log1p_finite(exp(-abs(x)));
}

}  // namespace vec
}  // namespace
}  // namespace steep::kernels
