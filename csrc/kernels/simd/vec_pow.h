// Powers with real exponents, all of IEEE 754's special cases included.
#pragma once

#include "kernels/simd/vec_core.h"
#include "kernels/simd/vec_exp.h"
#include "kernels/simd/vec_log.h"

namespace steep::kernels {
namespace {
namespace vec {

// log(x) for finite x > 0 as a pair good to about 2^-65: y * log(x) reaches 745, which costs ten
// bits. With t = f / (2 + f): log(1 + f) = 2 t + t z (2/3 + z P(z)), z = t^2.
STEEP_INLINE Pair<double> log_exact(double x) {
  using C = ExpConstants<double>;
  const Split<double> s = split(x);
  const Pair<double> bottom = fast_two_sum(2.0, s.f);
  const double inverse = 1.0 / bottom.hi;
  const double t = s.f * inverse;
  const double t_low = mul_add(-t, bottom.lo, subtract_product(s.f, t, bottom.hi)) * inverse;
  const Pair<double> square = two_product(t, t);
  const double z = square.hi, z_low = mul_add(2.0 * t, t_low, square.lo);
  const double rest =
      z * horner(z, 0.4, 0.2857142857142635, 0.22222222222750718, 0.18181818160280974,
                 0.15384609335376187, 0.1333417308671631, 0.1172036801343455, 0.11596729568815581);
  const Pair<double> head = fast_two_sum(0.66666666666666663, rest);
  const double factor_low = head.lo + 3.700743415417188e-17;
  const Pair<double> cube = two_product(t, z);
  const double cube_low = mul_add(t, z_low, mul_add(t_low, z, cube.lo));
  const Pair<double> product = two_product(cube.hi, head.hi);
  const double product_low = mul_add(cube.hi, factor_low, mul_add(cube_low, head.hi, product.lo));
  const Pair<double> series = fast_two_sum(2.0 * t, product.hi);
  const double series_low = series.lo + mul_add(2.0, t_low, product_low);
  const Pair<double> sum = fast_two_sum(s.k * C::kLn2Hi, series.hi);
  return fast_two_sum(sum.hi, sum.lo + mul_add(s.k, C::kLn2Lo, series_low));
}

// |x|^y for x of any kind but NaN; 1^infinity and the like are left to the caller.
STEEP_INLINE double power_of_size(double a, double y) {
  const Pair<double> l = log_exact(a);
  const bool edge = (a == 0.0) | (a == infinity<double>());
  const double limit = a == 0.0 ? -infinity<double>() : infinity<double>();
  const double log_hi = edge ? limit : l.hi;
  const Pair<double> product = two_product(log_hi, y);
  const double low = mul_add(l.lo, y, product.lo);
  return exp_shifted(product.hi, abs(product.hi) < 1000.0 ? low : 0.0, 0);
}
// A float's power needs 2^-24 relative to 150: a double's logarithm has far more.
STEEP_INLINE float power_of_size(float a, float y) {
  return static_cast<float>(exp(log(static_cast<double>(a)) * static_cast<double>(y)));
}

// Accuracy: 0.50 (float), 1.11 (double).
template <class T>
STEEP_INLINE T pow(T x, T y) {
  const T a = abs(x);
  const T size = power_of_size(a, y);
  const T half = T(0.5) * y;
  const bool whole = trunc(y) == y;
  const bool odd = whole & (trunc(half) != half);
  const T turned = odd ? copysign(size, x) : size;
  const bool undefined = ((x < T(0)) & (a < infinity<T>()) & !whole) | (x != x) | (y != y);
  const T out = undefined ? nan<T>() : turned;
  const bool one = (x == T(1)) | (y == T(0)) | ((a == T(1)) & (abs(y) == infinity<T>()));
  return one ? T(1) : out;
}

}  // namespace vec
}  // namespace
}  // namespace steep::kernels
