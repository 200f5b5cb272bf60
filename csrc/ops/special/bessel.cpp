// The modified Bessel functions of the first kind, of orders 0 and 1.
#include <cmath>

#include "ops/special/scalar.h"

namespace steep::ops::scalar {

namespace {

constexpr double kFar = 25;

// Abramowitz and Stegun 9.6.10: all terms are positive. Times exp(-x).
double by_series(int order, double x) {
  const double square = x * x / 4;
  double term = order == 0 ? 1 : x / 2, sum = 0;
  for (double k = 1; term > sum * 1e-17; ++k) {
    sum += term;
    term *= square / (k * (k + order));
  }
  return sum * std::exp(-x);
}

// 9.7.1, whose smallest term is far below the last place from kFar on. Times exp(-x).
double by_asymptotics(int order, double x) {
  const double mu = 4.0 * order;
  double term = 1, sum = 1;
  for (int k = 1; k < 40 && std::fabs(term) > 1e-17; ++k) {
    const double odd = 2.0 * k - 1;
    sum += term *= -(mu - odd * odd) / (k * 8 * x);
  }
  return sum / std::sqrt(6.283185307179586 * x);
}

double scaled(int order, double x) {
  const double size = std::fabs(x);
  const double found = size < kFar ? by_series(order, size) : by_asymptotics(order, size);
  return order == 1 && x < 0 ? -found : found;
}

// In two factors: exp(|x|) alone is infinite before the product is.
double grown(double found, double x) {
  const double half = std::exp(std::fabs(x) / 2);
  return std::isinf(half) ? std::copysign(half, found) : found * half * half;
}

}  // namespace

double i0e(double x) { return scaled(0, x); }
double i1e(double x) { return x == 0 ? x : scaled(1, x); }
double i0(double x) { return grown(i0e(x), x); }
double i1(double x) { return x == 0 ? x : grown(i1e(x), x); }

}  // namespace steep::ops::scalar
