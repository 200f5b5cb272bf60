// log gamma, its derivatives, and Hurwitz's zeta function, of single numbers.
#include <cmath>
#include <limits>

#include "ops/special/scalar.h"

namespace steep::ops::scalar {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// For q > 0: terms up to 10 + s, then Euler and Maclaurin's sum. Its terms are
// B_2j / (2j)! s (s + 1) ... (s + 2j - 2) q^(-s - 2j + 1).
double zeta_of_positive(double s, double q) {
  constexpr double kBernoulli[] = {1.0 / 6,       -1.0 / 30,      1.0 / 42, -1.0 / 30,
                                   5.0 / 66,      -691.0 / 2730,  7.0 / 6,  -3617.0 / 510,
                                   43867.0 / 798, -174611.0 / 330};
  double sum = 0;
  for (const double end = 10 + s; q < end; ++q) {
    const double term = std::pow(q, -s);
    sum += term;
    if (term == kInfinity || term < sum * 1e-18) return sum;
  }
  const double power = std::pow(q, -s);
  sum += std::pow(q, 1 - s) / (s - 1) + 0.5 * power;
  double factor = s * power / q;
  for (int j = 1; j <= 10; ++j) {
    factor /= (2.0 * j) * (2.0 * j - 1);
    const double term = factor * kBernoulli[j - 1];
    sum += term;
    if (std::fabs(term) < std::fabs(sum) * 1e-17) break;
    factor *= (s + 2 * j - 1) * (s + 2 * j) / (q * q);
  }
  return sum;
}

}  // namespace

double lgamma(double x) {
  constexpr double kLogRootTwoPi = 0.9189385332046727;
  double product = 1;
  for (; x < 10; ++x) product *= x;
  const double r = 1 / x, z = r * r;
  const double rest =
      r * (1.0 / 12 -
           z * (1.0 / 360 -
                z * (1.0 / 1260 - z * (1.0 / 1680 - z * (1.0 / 1188 - z * (691.0 / 360360))))));
  return (x - 0.5) * std::log(x) - x + kLogRootTwoPi + rest - std::log(product);
}

double digamma(double x) {
  double sum = 0;
  for (; x < 10; ++x) sum += 1 / x;
  const double r = 1 / x, z = r * r;
  const double rest =
      z * (1.0 / 12 - z * (1.0 / 120 -
                           z * (1.0 / 252 -
                                z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z / 12))))));
  return std::log(x) - r / 2 - rest - sum;
}

// Abramowitz and Stegun 6.4.12 from 15 on; 6.4.7 below 0.
double trigamma(double x) {
  constexpr double kPi = 3.141592653589793;
  if (x <= 0) {
    const double turn = std::sin(kPi * (x - std::nearbyint(x))) / kPi;
    return turn == 0 || !std::isfinite(x) ? kInfinity : 1 / (turn * turn) - trigamma(1 - x);
  }
  double sum = 0;
  for (; x < 15; ++x) sum += 1 / (x * x);
  const double r = 1 / x, z = r * r;
  const double rest =
      1.0 / 6 - z * (1.0 / 30 - z * (1.0 / 42 - z * (1.0 / 30 - z * (5.0 / 66 - z * 691 / 2730))));
  return sum + r + z * (0.5 + r * rest);
}

double zeta(double s, double q) {
  if (std::isnan(s) || std::isnan(q)) return s + q;
  if (s == 1) return kInfinity;
  if (s < 1) return std::nan("");
  if (q > 0) return q == kInfinity ? 0 : zeta_of_positive(s, q);
  if (q == std::floor(q)) return kInfinity;
  if (s != std::floor(s)) return std::nan("");
  // Terms below 0 are, but for their sign, those of d up to -q, d the fraction of -q.
  const double d = -q - std::floor(-q), sign = std::fmod(s, 2) == 0 ? 1 : -1;
  const double below = zeta_of_positive(s, d) - zeta_of_positive(s, 1 - q);
  return zeta_of_positive(s, 1 - d) + sign * below;
}

}  // namespace steep::ops::scalar
