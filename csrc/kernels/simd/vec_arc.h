// Inverse trigonometric functions: asin, acos, atan, atan2, for float and double.
#pragma once

#include "kernels/simd/vec_core.h"

namespace steep::kernels {
namespace {
namespace vec {

// pi/2 as head and rest, in the type's own precision.
template <class T>
struct HalfPi;
template <>
struct HalfPi<float> {
  static constexpr float kHi = 1.57079637f, kLo = -4.37113900e-8f;
};
template <>
struct HalfPi<double> {
  static constexpr double kHi = 1.5707963267948966, kLo = 6.123233995736766e-17;
};

// (asin(s) - s) / s^3 in z = s^2, |s| <= 1/2.
STEEP_INLINE float asin_tail(float z) {
  return horner(z, 0.16666666f, 0.075001515f, 0.044586f, 0.031227713f, 0.01662641f, 0.03446907f);
}
STEEP_INLINE double asin_tail(double z) {
  return horner(z, 0.16666666666666669, 0.0749999999999807, 0.04464285714688759,
                0.030381944103780256, 0.022372174180557636, 0.017352365932319685,
                0.01397158646576305, 0.011475713349562782, 0.010344398530907333,
                0.005368236891470365, 0.017635859788008336, -0.015208159077888087,
                0.02899466192918561);
}

// asin(|x|) = s + tail, or, beyond 1/2, pi/2 - 2 (s + tail) with s = sqrt((1 - |x|) / 2).
template <class T>
struct ArcSine {
  T s, tail;
};
template <class T>
STEEP_INLINE ArcSine<T> arc_sine(T x) {
  const T a = abs(x);
  const bool large = a > T(0.5);
  const T half = T(0.5) - T(0.5) * a;
  const T z = large ? half : a * a;
  const T root = sqrt(half);  // NaN beyond 1, as it should be
  const T s = large ? root : a;
  return {s, s * z * asin_tail(z)};
}

// Accuracy: 1.56 (float), 1.58 (double).
template <class T>
STEEP_INLINE T asin(T x) {
  const ArcSine<T> r = arc_sine(x);
  const T small = r.s + r.tail;
  const T large = HalfPi<T>::kHi - (T(2) * r.s - (HalfPi<T>::kLo - T(2) * r.tail));
  return copysign(abs(x) > T(0.5) ? large : small, x);
}

// Accuracy: 1.06 (float), 1.08 (double).
template <class T>
STEEP_INLINE T acos(T x) {
  const ArcSine<T> r = arc_sine(x);
  const T tail = flip_sign(r.tail, sign_of(x));
  const T small = HalfPi<T>::kHi - (x - (HalfPi<T>::kLo - tail));
  const T right = T(2) * (r.s + r.tail);
  const T left = T(2) * (HalfPi<T>::kHi - (r.s - (HalfPi<T>::kLo - r.tail)));
  const T large = x < T(0) ? left : right;
  return abs(x) > T(0.5) ? large : small;
}

// (atan(t) - t) / t^3 in z = t^2, |t| <= 1.
STEEP_INLINE float atan_tail(float z) {
  return horner(z, -0.3333333f, 0.19999732f, -0.14278582f, 0.110343926f, -0.08660409f, 0.0625903f,
                -0.03598639f, 0.013582706f, -0.0024064903f);
}
STEEP_INLINE double atan_tail(double z) {
  return horner(
      z, -0.3333333333333333, 0.19999999999997978, -0.14285714285426487, 0.11111111095268139,
      -0.09090908632050587, 0.07692299565728301, -0.06666570483526665, 0.05881546700718945,
      -0.05258174185360579, 0.04738509395282271, -0.042625464578132675, 0.03754338979426956,
      -0.031360117357156006, 0.023805759563602123, -0.015644364140578206, 0.0084507298167797,
      -0.003540222911283002, 0.0010660233743324645, -0.00020367811129722594, 1.84495739317571e-05);
}

// Accuracy: 1.23 (float), 1.30 (double).
template <class T>
STEEP_INLINE T atan(T x) {
  const T a = abs(x);
  const bool steep = a > T(1);
  const T inverse = T(1) / a;
  const T t = steep ? inverse : a;
  const T z = t * t;
  const T tail = t * z * atan_tail(z);
  const T large = HalfPi<T>::kHi - (t - (HalfPi<T>::kLo - tail));
  return copysign(steep ? large : t + tail, x);
}

// The angle of the point (x, y), in the quadrant its signs (those of zeros included) say.
// Accuracy: 1.46 (float), 1.41 (double).
template <class T>
STEEP_INLINE T atan2(T y, T x) {
  const T a = abs(y), b = abs(x);
  const bool steep = a > b;
  const bool left = sign_of(x) != 0;
  const T low = steep ? b : a, high = steep ? a : b;
  const T quotient = low / high;
  const T defined = low == high ? T(1) : quotient;  // two infinities
  const T t = high == T(0) ? T(0) : defined;
  const T z = t * t;
  const T angle = mul_add(t * z, atan_tail(z), t);
  const T turns = steep ? T(1) : (left ? T(2) : T(0));  // quarters to start from
  const T turned = steep != left ? -angle : angle;
  const T out = mul_add(turns, HalfPi<T>::kHi, mul_add(turns, HalfPi<T>::kLo, turned));
  return (x != x) | (y != y) ? nan<T>() : copysign(out, y);
}

}  // namespace vec
}  // namespace
}  // namespace steep::kernels
