// Tails of the gamma and the beta distribution, relative to their density, by quadrature.
//
// In s, the distance from x on a logarithmic scale (for beta, of the odds), the density falls from
// its value at x in either direction that does not lead over the mode. The double exponential rule
// (Takahasi and Mori, 1974) takes such integrals over all orders of magnitude of s alike.
#include <algorithm>
#include <cmath>

#include "ops/special/scalar.h"

namespace steep::ops::scalar {

namespace {

// The rule for integrals from 0 on: s = exp(u - exp(-u)), u in equal steps.
constexpr double kStep = 0.11, kFirst = -3.4;
constexpr int kNodes = 70;
struct Rule {
  double at[kNodes], weight[kNodes];
  Rule() {
    for (int i = 0; i < kNodes; ++i) {
      const double u = kFirst + i * kStep, away = std::exp(-u);
      at[i] = std::exp(u - away);
      weight[i] = at[i] * (1 + away) * kStep;
    }
  }
};

// The integral over s from 0 on of score(s) exp(fall(s)), where fall goes down from 0 within a few
// times `scale`, and on.
template <class Fall, class Score>
double integral(double scale, Fall fall, Score score) {
  static const Rule rule;
  double sum = 0;
  for (int i = 0; i < kNodes; ++i) {
    const double s = scale * rule.at[i], exponent = fall(s);
    if (exponent < -42) break;
    sum += rule.weight[i] * score(s) * std::exp(exponent);
  }
  return sum * scale;
}

// exp(s) - 1 - s, without its cancellation.
double curve(double s) {
  if (std::fabs(s) > 0.1) return std::expm1(s) - s;
  double sum = 1.0 / 3628800;
  for (const double c :
       {1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5})
    sum = sum * s + c;
  return sum * s * s;
}

// The integral of score(log(t / x)) over the density beyond x, divided by the density at x.
template <class Score>
double beyond(double a, double x, bool upper, Score score) {
  const double side = upper ? 1 : -1, steep = side * (x - a);
  const double width = upper ? std::sqrt(x) : std::min(a, std::sqrt(a));
  const auto fall = [&](double s) { return side * (a - x) * s - x * curve(side * s); };
  return x * integral(1 / std::max(steep, width), fall, [&](double s) { return score(side * s); });
}

}  // namespace

double gamma_tail(double a, double x, bool upper) {
  return beyond(a, x, upper, [](double) { return 1.0; });
}

// The derivative of the density's logarithm in a is log(t) - digamma(a); its mean over all is 0, so
// that either tail will do.
double gamma_slope_by_quadrature(double a, double x) {
  const double level = std::log(x) - digamma(a);
  const bool upper = x >= a && x >= 1;  // below 1 the lower tail is flat at worst
  const double found = beyond(a, x, upper, [&](double s) { return level + s; });
  return upper ? found : -found;
}

double beta_slope_by_quadrature(double a, double b, double x) {
  const double both = a + b, level = std::log(x) - digamma(a) + digamma(both);
  // Where few draws lie on one side, or none, the density there is flat up to a cliff.
  const bool right = x * both >= a;
  const bool upper = right ? x * both >= 1 || x > 0.5 : (1 - x) * both < 1 && x > 0.5;
  const double near = upper ? 1 - x : x, power = upper ? b : a;
  const double width = std::min(power, std::sqrt(both * x * (1 - x)));
  const double scale = 1 / std::max(power - both * near, width);
  const auto other = [&](double s) { return -std::log1p(near * std::expm1(-s)); };
  const double found = integral(
      scale, [&](double s) { return both * other(s) - power * s; },
      [&](double s) { return level + (upper ? other(s) : other(s) - s); });
  return x * (upper ? found : -found);
}

}  // namespace steep::ops::scalar
