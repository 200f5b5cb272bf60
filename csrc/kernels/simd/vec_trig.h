// sin, cos, tan for every float and double. Floats are computed in double, which settles their
// reduction.
//
// Each comes in two: `<name>` for |x| up to kQuickAngle (and infinity, NaN), branch-free;
// `<name>_long` for the finite rest, where is_long_angle(x) holds.
#pragma once

#include "kernels/simd/vec_reduce.h"

namespace steep::kernels {
namespace {
namespace vec {

// The sine and cosine of an angle within [-pi/4, pi/4] as pairs.
struct SineCosine {
  Pair<double> sine, cosine;
};

STEEP_INLINE SineCosine sine_cosine(Pair<double> angle) {
  const double x = angle.hi, z = x * x;
  const double s = horner(z, -0.16666666666666666, 0.008333333333331278, -0.00019841269837031638,
                          2.755731619524852e-06, -2.5051145607075836e-08, 1.5918870542457965e-10);
  const double c = horner(z, 0.041666666666666664, -0.0013888888888887048, 2.4801587298437853e-05,
                          -2.755731714634734e-07, 2.087612533754686e-09, -1.1381364128555925e-11);
  const double sine_low = mul_add(z, mul_add(x, s, -0.5 * angle.lo), angle.lo);
  const double half = 0.5 * z, head = 1.0 - half;
  const double half_lost = mul_add(x, 0.5 * x, -half);  // what squaring lost; 0 in the baseline
  const double cosine_low = ((1.0 - head) - half) - half_lost + mul_add(z * z, c, -x * angle.lo);
  return {fast_two_sum(x, sine_low), fast_two_sum(head, cosine_low)};
}

// The same to 2^-30 or better, all a float needs.
struct FloatSineCosine {
  double sine, cosine;
};
STEEP_INLINE FloatSineCosine sine_cosine_float(double x) {
  const double z = x * x;
  const double s = horner(z, -0.16666666663794352, 0.008333331854819433, -0.00019840077216510535,
                          2.7248797375062123e-06);
  const double c = horner(z, 0.04166666463136349, -0.0013888298620775084, 2.4547101719895806e-05);
  return {mul_add(x * z, s, x), mul_add(z * z, c, mul_add(z, -0.5, 1.0))};
}

// The sine of quarter * pi/2 + angle.
STEEP_INLINE double turned_sine(Angle a) {
  const SineCosine both = sine_cosine(a.angle);
  const double out = (a.quarter & 1) != 0 ? both.cosine.hi : both.sine.hi;
  return flip_sign(out, (a.quarter & 2) << 62);
}
STEEP_INLINE float turned_sine_float(double angle, uint64_t quarter) {
  const FloatSineCosine both = sine_cosine_float(angle);
  const double out = (quarter & 1) != 0 ? both.cosine : both.sine;
  return static_cast<float>(flip_sign(out, (quarter & 2) << 62));
}

STEEP_INLINE double turned_tangent(Angle a) {
  const SineCosine both = sine_cosine(a.angle);
  const bool odd = (a.quarter & 1) != 0;
  const double top = odd ? -both.cosine.hi : both.sine.hi;
  const double top_low = odd ? -both.cosine.lo : both.sine.lo;
  const double bottom = odd ? both.sine.hi : both.cosine.hi;
  const double bottom_low = odd ? both.sine.lo : both.cosine.lo;
  const double inverse = 1.0 / bottom;
  const double quotient = top * inverse;
  const double rest =
      subtract_product(top, quotient, bottom) + mul_add(-quotient, bottom_low, top_low);
  return mul_add(rest, inverse, quotient);
}
STEEP_INLINE float turned_tangent_float(double angle, uint64_t quarter) {
  const FloatSineCosine both = sine_cosine_float(angle);
  const bool odd = (quarter & 1) != 0;
  const double top = odd ? -both.cosine : both.sine;
  const double bottom = odd ? both.sine : both.cosine;
  return static_cast<float>(top / bottom);
}

// The quick reduction for a float: one double holds the angle.
struct FloatAngle {
  double angle;
  uint64_t quarter;
};
STEEP_INLINE FloatAngle quick_angle(float x) {
  const double wide = static_cast<double>(x);
  const Whole<double> n = nearest_whole(wide, kTwoOverPi);
  const double head = subtract_product(wide, n.value, kHalfPi);
  return {mul_add(n.value, -kHalfPiLow, head), n.count};
}
inline FloatAngle long_angle(float x) {
  const Angle a = long_angle(static_cast<double>(x));
  return {a.angle.hi, a.quarter};
}

// Accuracy: 0.52 (float), 0.77 (double), at any size.
STEEP_INLINE float sin(float x) {
  const FloatAngle a = quick_angle(x);
  const float out = turned_sine_float(a.angle, a.quarter);
  return x == 0.0f ? x : out;  // -0 stays
}
STEEP_INLINE double sin(double x) {
  const double out = turned_sine(quick_angle(x));
  return x == 0.0 ? x : out;
}
// Accuracy: 0.52 (float), 0.79 (double), at any size.
STEEP_INLINE float cos(float x) {
  const FloatAngle a = quick_angle(x);
  return turned_sine_float(a.angle, a.quarter + 1);
}
STEEP_INLINE double cos(double x) {
  const Angle a = quick_angle(x);
  return turned_sine({a.angle, a.quarter + 1});
}
// Accuracy: 0.52 (float), 0.98 (double), at any size.
STEEP_INLINE float tan(float x) {
  const FloatAngle a = quick_angle(x);
  const float out = turned_tangent_float(a.angle, a.quarter);
  return x == 0.0f ? x : out;
}
STEEP_INLINE double tan(double x) {
  const double out = turned_tangent(quick_angle(x));
  // A subnormal's correction would lose its last bits.
  return abs(x) < 1e-290 ? x : out;
}

inline float sin_long(float x) {
  const FloatAngle a = long_angle(x);
  return turned_sine_float(a.angle, a.quarter);
}
inline double sin_long(double x) { return turned_sine(long_angle(x)); }
inline float cos_long(float x) {
  const FloatAngle a = long_angle(x);
  return turned_sine_float(a.angle, a.quarter + 1);
}
inline double cos_long(double x) {
  const Angle a = long_angle(x);
  return turned_sine({a.angle, a.quarter + 1});
}
inline float tan_long(float x) {
  const FloatAngle a = long_angle(x);
  return turned_tangent_float(a.angle, a.quarter);
}
inline double tan_long(double x) { return turned_tangent(long_angle(x)); }

}  // namespace vec
}  // namespace
}  // namespace steep::kernels
