// Both are computed in double for float32 as well: near their roots the sums cancel. Their series are
// shorter there, by what a float does not hold.
#include "kernels/elementwise/gamma.h"

#include "kernels/elementwise/loops.h"
#include "kernels/simd/vecmath.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kLgamma = elementwise("lgamma", 150);
Kernel kDigamma = elementwise("digamma", 120);
#endif

namespace {

constexpr double kPi = 3.141592653589793;

// sin(pi f) for |f| <= 1/2, by its Taylor series.
STEEP_INLINE double sine_of_half_turns(double f) {
  const double g = kPi * f;
  return g * vec::horner(g * g, 1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880,
                         -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000,
                         1.0 / 355687428096000, -1.0 / 121645100408832000,
                         1.0 / 51090942171709440000.0);
}

// log gamma(2 + z) / z for |z| <= 1/2 (Abramowitz and Stegun 6.1.33): 1 - Euler's constant, then
// (-1)^k (zeta(k) - 1) / k for k from 2.
template <class T>
STEEP_INLINE double series_at_two(double z) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return vec::horner(z, 0.42278433509846713, 0.3224670334241132, -0.0673523010531981,
                       0.020580808427784546, -0.007385551028673986, 0.0028905103307415234,
                       -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939,
                       9.945751278180853e-05, -4.492623673813314e-05, 2.050721277567069e-05,
                       -9.439488275268397e-06, 4.374866789907488e-06, -2.039215753801366e-06);
  }
  return vec::horner(z, 0.42278433509846713, 0.3224670334241132, -0.0673523010531981,
                     0.020580808427784546, -0.007385551028673986, 0.0028905103307415234,
                     -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939,
                     9.945751278180853e-05, -4.492623673813314e-05, 2.050721277567069e-05,
                     -9.439488275268397e-06, 4.374866789907488e-06, -2.039215753801366e-06,
                     9.55141213040742e-07, -4.492469198764566e-07, 2.1207184805554665e-07,
                     -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08,
                     1.0838659214896955e-08, -5.183475041970047e-09, 2.4836745438024785e-09,
                     -1.1921401405860912e-09, 5.731367241678862e-10, -2.7595228851242334e-10);
}

// For a >= 8 (Abramowitz and Stegun 6.1.41): Stirling's sum; log_a is log(a). Written so that it is
// infinite, and no difference of infinities, where a is.
template <class T>
STEEP_INLINE double stirling(double a, double log_a) {
  const double r = 1.0 / a;
  if constexpr (sizeof(T) == sizeof(float)) {
    const double rest = r * vec::horner(r * r, 1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680);
    return (a - 0.5) * (log_a - 1.0) + (0.4189385332046727 + rest);
  }
  const double rest = r * vec::horner(r * r, 1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680,
                                      1.0 / 1188, -691.0 / 360360, 1.0 / 156, -3617.0 / 122400);
  return (a - 0.5) * (log_a - 1.0) + (0.4189385332046727 + rest);  // (log(2 pi) - 1) / 2
}

// Below 8 the recurrence leads to 2 + z, |z| <= 1/2, where the series has a root as the function
// has; about 1 the factor's logarithm is log1p, so that the root there is exact as well. (Beside a
// float, the logarithm in double is exact enough.)
template <class T>
STEEP_INLINE double lgamma_in_double(double a) {
  const bool low = a < 0.5, near_one = a < 1.5, far = a >= 8.0;
  double r = a, factor = 1.0;
  for (int i = 0; i < 6; ++i) {
    const bool above = r >= 2.5;
    r = above ? r - 1.0 : r;
    factor = above ? factor * r : factor;
  }
  const double beside_one = near_one ? a - 1.0 : r - 2.0;
  const double z = low ? a : beside_one;
  if constexpr (sizeof(T) == sizeof(float)) {
    const double above = far | near_one ? a : factor;
    const double log = vec::log(low ? a * (a + 1.0) : above);
    return far ? stirling<T>(a, log) : z * series_at_two<T>(z) + (near_one ? -log : log);
  }
  const double argument = far ? a : factor;
  const double log = vec::log(low ? a * (a + 1.0) : argument);
  const double log_below = vec::log1p(near_one & !low ? a - 1.0 : 0.0);
  const double by_series = z * series_at_two<T>(z) + (near_one ? (low ? -log : -log_below) : log);
  return far ? stirling<T>(a, log) : by_series;
}

__attribute__((noinline)) double lgamma_of_any(double x) {
  const double a = vec::abs(x), positive = lgamma_in_double<double>(a);
  // gamma(-a) gamma(a) = -pi / (a sin(pi a)); where a is tiny both are 1 / a.
  const double f = a - vec::round_even(a);
  const double sine = vec::abs(sine_of_half_turns(f));
  const double turned = 1.1447298858494002 - vec::log(sine) - vec::log(a) - positive;
  const double left = sine == 0.0 ? vec::infinity<double>() : turned;
  const double out = (x < 0.0) & (a > 1e-100) ? left : positive;
  return a == vec::infinity<double>() ? a : out;
}

// For a > 0. The recurrence leads to 10 and beyond (8, for a float), its sum of 1 / x as one fraction;
// then Abramowitz and Stegun 6.3.18.
template <class T>
STEEP_INLINE double digamma_in_double(double a) {
  constexpr int kSteps = sizeof(T) == sizeof(float) ? 8 : 10;
  double r = a, top = 0.0, bottom = 1.0;
  for (int i = 0; i < kSteps; ++i) {
    const bool below = r < kSteps;
    top = below ? top * r + bottom : top;
    bottom = below ? bottom * r : bottom;
    r = below ? r + 1.0 : r;
  }
  const double inverse = 1.0 / r, square = inverse * inverse;
  const double rest = square * vec::horner(square, 1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240,
                                           1.0 / 132, -691.0 / 32760, 1.0 / 12);
  return vec::log(r) - 0.5 * inverse - rest - top / bottom;
}

// Below 0 by reflection, 6.3.7.
__attribute__((noinline)) double digamma_of_any(double x) {
  const double a = vec::abs(x), right = digamma_in_double<double>(x < 0.0 ? a + 1.0 : a);
  const double f = a - vec::round_even(a);
  const double sine = sine_of_half_turns(f), cosine = sine_of_half_turns(0.5 - vec::abs(f));
  const double left = sine == 0.0 ? vec::nan<double>() : right + kPi * cosine / sine;
  const double at_zero = vec::copysign(vec::infinity<double>(), -x);
  const double out = x < 0.0 ? left : right;
  return x == 0.0 ? at_zero : out;
}

template <class T>
STEEP_INLINE T lgamma(T x) {
  return static_cast<T>(lgamma_in_double<T>(vec::abs(static_cast<double>(x))));
}
template <class T>
STEEP_INLINE T lgamma_long(T x) {
  return static_cast<T>(lgamma_of_any(x));
}
// A lane of these goes by itself: positive numbers are what densities ask for.
template <class T>
STEEP_INLINE bool is_negative(T x) {
  return x < T(0);
}
template <class T>
STEEP_INLINE bool is_not_positive(T x) {
  return x <= T(0);
}
template <class T>
STEEP_INLINE T digamma(T x) {
  return static_cast<T>(digamma_in_double<T>(x));
}
template <class T>
STEEP_INLINE T digamma_long(T x) {
  return static_cast<T>(digamma_of_any(x));
}

template <class T>
void fill() {
  using Lgamma = LongUnary<T, lgamma<T>, lgamma_long<T>, is_negative<T>>;
  using Digamma = LongUnary<T, digamma<T>, digamma_long<T>, is_not_positive<T>>;
  set_loop<T>(kLgamma, unary_loop<Lgamma, kBlockLanes<T>, T, T>);
  set_loop<T>(kDigamma, unary_loop<Digamma, kBlockLanes<T>, T, T>);
}

}  // namespace

void STEEP_FILL(elementwise_gamma)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
