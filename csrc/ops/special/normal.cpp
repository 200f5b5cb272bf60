// The tails of the normal distribution.
#include <cmath>
#include <limits>

#include "ops/special/scalar.h"

namespace steep::ops::scalar {

namespace {

constexpr double kRootHalf = 0.7071067811865476, kRootTwo = 1.4142135623730951;
constexpr double kRootPi = 1.772453850905516, kRootTwoOverPi = 0.7978845608028654;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The root of ndtr(x) - 1/2 = y by Newton's method, for |y| <= 1/4.
double near_half(double y) {
  double x = y * (kRootTwo * kRootPi);
  for (int i = 0; i < 5; ++i)
    x -= (std::erf(x * kRootHalf) / 2 - y) * (kRootTwo * kRootPi) * std::exp(x * x / 2);
  return x;
}

// The root of log_ndtr(x) = log(p), for p <= 1/4, from Abramowitz and Stegun 26.2.22.
double in_tail(double p) {
  const double goal = std::log(p), t = std::sqrt(-2 * goal);
  double x = (2.30753 + 0.27061 * t) / (1 + t * (0.99229 + 0.04481 * t)) - t;
  for (int i = 0; i < 5; ++i) x -= (log_ndtr(x) - goal) * erfcx(-x * kRootHalf) / kRootTwoOverPi;
  return x;
}

}  // namespace

// Abramowitz and Stegun 7.1.14, from the far end.
double erfcx(double x) {
  if (x < 2) return std::exp(x * x) * std::erfc(x);
  if (x > 1e8) return 1 / (kRootPi * x);
  double tail = 0;
  for (int n = static_cast<int>(12 + 250 / (x * x)); n > 0; --n) tail = n / 2.0 / (x + tail);
  return 1 / (kRootPi * (x + tail));
}

double log_ndtr(double x) {
  if (x < -1) return std::log(erfcx(-x * kRootHalf) / 2) - x * x / 2;
  return std::log1p(-std::erfc(x * kRootHalf) / 2);
}

double ndtri(double p) {
  if (!(p >= 0 && p <= 1)) return std::nan("");
  if (p == 0 || p == 1) return p == 0 ? -kInfinity : kInfinity;
  if (std::fabs(p - 0.5) <= 0.25) return near_half(p - 0.5);
  return p < 0.5 ? in_tail(p) : -in_tail(1 - p);
}

}  // namespace steep::ops::scalar
