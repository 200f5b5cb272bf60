// The regularised incomplete gamma functions (Abramowitz and Stegun 6.5).
#include <cmath>
#include <limits>

#include "ops/special/scalar.h"

namespace steep::ops::scalar {

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kLogRootTwoPi = 0.9189385332046727;
// From here on a sum would have too many terms, and a tail is found by quadrature.
constexpr double kMany = 2000;

// log(1 + m) - m, without its cancellation.
double log_less(double m) {
  if (std::fabs(m) > 0.2) return std::log1p(m) - m;
  double power = m, sum = 0;
  for (int k = 2; k < 30; ++k) sum += (power *= -m) / k;
  return sum;
}

// x^a exp(-x) / gamma(a).
double density(double a, double x) {
  if (a < 20) return std::exp(a * std::log(x) - x - lgamma(a));
  // Stirling's formula, in which the large terms have cancelled.
  const double r = 1 / a, z = r * r;
  const double correction =
      r * (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z / 1188))));
  const double away = a * log_less((x - a) / a);
  return std::exp(away - correction - kLogRootTwoPi) * std::sqrt(a);
}

// P by its power series (6.5.29).
double by_series(double a, double x) {
  double term = 1 / a, sum = term;
  for (double k = 1; term > sum * kEps; ++k) sum += term *= x / (a + k);
  return sum * density(a, x);
}

// 1 - P by its continued fraction (6.5.31), forwards (Lentz, 1976).
double by_fraction(double a, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, found = d;
  for (int i = 1; i < 10000; ++i) {
    const double top = -i * (i - a);
    b += 2;
    d = top * d + b;
    c = b + top / c;
    d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
    c = std::fabs(c) < kTiny ? kTiny : c;
    found *= d * c;
    if (std::fabs(d * c - 1) < kEps) break;
  }
  return found * density(a, x);
}

// log(gamma(1 + a)) for an a from 0 to 1, exact for small ones as well: 6.1.33.
double log_gamma_next(double a) {
  if (a > 2e-3) return lgamma(1 + a);
  return a * (-0.5772156649015329 +
              a * (0.8224670334241132 +
                   a * (-0.4006856343865314 + a * (0.2705808084277845 - a * 0.2073855510286740))));
}

// 1 - P for a and x from 0 to 1, by the series of P without its first term (6.5.29), which is near
// 1 where a is small.
double by_rest(double a, double x) {
  double term = 1, rest = 0;
  for (double k = 1; std::fabs(term) > kEps * kEps; ++k) rest += (term *= -x / k) / (a + k);
  const double first = a * std::log(x) - log_gamma_next(a);
  return -std::expm1(first) - a * std::exp(first) * rest;
}

// The smaller of both, and whether it is the upper one.
struct Tail {
  double value;
  bool upper;
};
Tail tail(double a, double x) {
  if (a < 1 && x <= 1) {
    const double rest = by_rest(a, x);
    if (rest < 0.5) return {rest, true};
  }
  const bool upper = x > a + 1 || (a < 1 && x > 1);
  if (a > kMany) return {gamma_tail(a, x, upper) * density(a, x) / x, upper};
  return {upper ? by_fraction(a, x) : by_series(a, x), upper};
}

// Where the answer is known: bad arguments, and the ends. NaN: it is not.
bool at_an_end(double a, double x, double* lower) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!(a >= 0 && x >= 0) || (a == 0 && x == 0) || (a == kInfinity && x == kInfinity))
    *lower = std::nan("");
  else if (a == 0 || x == kInfinity)
    *lower = 1;
  else if (x == 0 || a == kInfinity)
    *lower = 0;
  else
    return false;
  return true;
}

}  // namespace

double igamma(double a, double x) {
  double known;
  if (at_an_end(a, x, &known)) return known;
  const Tail found = tail(a, x);
  return found.upper ? 1 - found.value : found.value;
}

double igammac(double a, double x) {
  double known;
  if (at_an_end(a, x, &known)) return 1 - known;
  const Tail found = tail(a, x);
  return found.upper ? found.value : 1 - found.value;
}

}  // namespace steep::ops::scalar
