// The error function and its kin: erf, erfc, the normal distribution's gelu, for float and double.
#pragma once

#include "kernels/simd/vec_core.h"
#include "kernels/simd/vec_exp.h"

namespace steep::kernels {
namespace {
namespace vec {

// erf(x) / x - 1 in z = x^2, |x| <= 1.
STEEP_INLINE float erf_tail(float z) {
  return horner(z, 0.12837917f, -0.37612626f, 0.11283583f, -0.026853692f, 0.0051880744f,
                -0.0008007889f, 7.846173e-05f);
}
STEEP_INLINE double erf_tail(double z) {
  return horner(z, 0.1283791670955126, -0.37612638903183876, 0.11283791670958741,
                -0.026866170645619147, 0.005223977629091198, -0.0008548327189331384,
                0.00012055337767440444, -1.4925738251937376e-05, 1.646308304583656e-06,
                -1.6370595645849096e-07, 1.4786264737876242e-08, -1.1829509206500321e-09,
                6.683030752658016e-11);
}

// exp(a^2) erfc(a) (a + 2) = 1.02... + t erfc_slope(t), t = (a - 2) / (a + 2), for a from 0.46 to
// where erfc(a) vanishes.
STEEP_INLINE float erfc_slope(float t) {
  return horner(t, -0.68716073f, 0.27947098f, -0.036440752f, -0.02149498f, 0.0064657535f,
                0.0030087477f, -0.0007941717f, -0.0004849084f);
}
STEEP_INLINE double erfc_slope(double t) {
  return horner(t, -0.6871606844138091, 0.27947209255603433, -0.036442231507081535,
                -0.021510661887787788, 0.0064791850753987724, 0.003090612007648397,
                -0.0008372961888487029, -0.0006630727203533464, 3.4372488495524456e-05,
                0.00014446388174604513, 3.41444886953731e-05, -2.1659461361225757e-05,
                -1.6114779083267363e-05, -1.2485904673519922e-06, 3.6645030073508404e-06,
                2.2559689242795675e-06, -1.0090501908916499e-07, -8.776980119483744e-07,
                -1.5413977527143576e-07, 1.8964171110338247e-07);
}

template <class T>
struct ErfConstants;
template <>
struct ErfConstants<float> {
  static constexpr float kRatio = 1.0215827f;  // of erfc_slope, at t = 0
  static constexpr float kVanish = 10.4f;      // erfc is 0 from here on
  static constexpr float kSqrtHalf = 0.707106769f, kSqrtHalfLow = 1.21016175e-8f;
};
template <>
struct ErfConstants<double> {
  static constexpr double kRatio = 1.021582705242023;
  static constexpr double kVanish = 27.5;
  static constexpr double kSqrtHalf = 0.70710678118654757, kSqrtHalfLow = -4.8336466567264573e-17;
};

// exp(-(a + low)^2), the square carried to twice the precision: an error there would grow by the
// square itself.
template <class T>
STEEP_INLINE Exponential<T> gaussian(T a, T low) {
  const Pair<T> square = two_product(a, a);
  return exp_parts(-square.hi, -mul_add(T(2) * a, low, square.lo));
}

// exp(a^2) erfc(a) as a pair, for 0.46 <= a <= kVanish.
template <class T>
STEEP_INLINE Pair<T> scaled_erfc(T a) {
  const Pair<T> bottom = two_sum(a, T(2));
  const T u = T(1) / bottom.hi;
  const T u_low = mul_add(-u, bottom.lo, subtract_product(T(1), u, bottom.hi)) * u;
  const T t = mul_add(T(-4), u_low, mul_add(T(-4), u, T(1)));  // (a - 2) / (a + 2)
  const Pair<T> ratio = fast_two_sum(ErfConstants<T>::kRatio, t * erfc_slope(t));
  const Pair<T> out = two_product(ratio.hi, u);
  return {out.hi, mul_add(ratio.hi, u_low, mul_add(ratio.lo, u, out.lo))};
}

// value * exp, the power of two last: a result among the subnormals is rounded once.
template <class T>
STEEP_INLINE T times_exponential(Pair<T> value, Exponential<T> e) {
  return scale(value.hi + mul_add(value.hi, e.growth, value.lo), e.k);
}

// erfc(a) for 0.46 <= a.
template <class T>
STEEP_INLINE T far_erfc(T a) {
  const T bounded = a > ErfConstants<T>::kVanish ? ErfConstants<T>::kVanish : a;
  return times_exponential(scaled_erfc(bounded), gaussian(bounded, T(0)));
}

// Accuracy: 0.91 (float), 0.95 (double).
template <class T>
STEEP_INLINE T erf(T x) {
  const T a = abs(x);
  const T near = mul_add(a, erf_tail(a * a), a);
  const T far = T(1) - far_erfc(a);
  return copysign(a < T(1) ? near : far, x);
}

// Accuracy: 2.35 (float), 2.88 (double).
template <class T>
STEEP_INLINE T erfc(T x) {
  const T a = abs(x);
  const T near = T(1) - mul_add(x, erf_tail(x * x), x);
  const T tail = far_erfc(a);
  const T far = x < T(0) ? T(2) - tail : tail;
  return a < T(0.5) ? near : far;
}

// The normal distribution at x: the chance of a smaller value, and sqrt(2 pi) times the density.
template <class T>
struct Normal {
  T chance, bell;
};
template <class T>
STEEP_INLINE Normal<T> normal(T x) {
  using C = ErfConstants<T>;
  const T size = abs(x);
  const T bounded = size > T(1.42) * C::kVanish ? T(1.42) * C::kVanish : size;
  const Pair<T> a = two_product(bounded, C::kSqrtHalf);  // |x| / sqrt(2)
  const T a_low = mul_add(bounded, C::kSqrtHalfLow, a.lo);
  const Exponential<T> e = gaussian(a.hi, a_low);
  const T tail = T(0.5) * times_exponential(scaled_erfc(a.hi), e);
  const T far = x < T(0) ? tail : T(1) - tail;
  const T middle = flip_sign(T(0.5) * a.hi, sign_of(x));
  const T near = T(0.5) + mul_add(middle, erf_tail(a.hi * a.hi), middle);
  return {a.hi < T(0.5) ? near : far, scale(e.growth + T(1), e.k)};
}

// The chance of a value below -|x| is bell * f(t) / (|x| + sqrt(8)), t = (|x| - sqrt(8)) / (|x| +
// sqrt(8)), from |x| = 0 on: one quotient and one polynomial where erf's precision is not asked for.
// Accuracy of the chance: 4 units in the last place, in the tail as well.
STEEP_INLINE Normal<float> normal(float x) {
  constexpr float kSqrt8 = 2.82842708f, kVanish = 14.8f;
  const float size = abs(x), bounded = size > kVanish ? kVanish : size;
  const float u = 1.0f / (bounded + kSqrt8);
  const float t = mul_add(-2 * kSqrt8, u, 1.0f);
  const float f = horner(t, 0.722368061542511f, -0.4858959913253784f, 0.1976163685321808f,
                         -0.02576829493045807f, -0.015206689946353436f, 0.00457967072725296f,
                         0.002165162703022361f, -0.0005900988471694291f, -0.00041910112486220896f,
                         3.510185706545599e-05f, 5.0157203077105805e-05f);
  const Pair<float> square = two_product(bounded, bounded);
  const Exponential<float> e = exp_parts(-0.5f * square.hi, -0.5f * square.lo);
  const float tail = scale(mul_add(e.growth, f * u, f * u), e.k);
  return {x < 0.0f ? tail : 1.0f - tail, scale(e.growth + 1.0f, e.k)};
}

}  // namespace vec
}  // namespace
}  // namespace steep::kernels
