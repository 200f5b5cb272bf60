// How draws of gamma and beta distributions move with a parameter while their rank stays: what
// implicit reparameterisation asks for (Figurnov, Mohamed and Mnih, "Implicit reparameterization
// gradients", 2018). Each region has a sum of its own, derived term by term:
//
//   power series of the lower tail (Abramowitz and Stegun 6.5.29; 26.5.4 for beta, which serves
//   both tails), Legendre's continued fraction of the upper one (6.5.31), and for large parameters
//   an expansion in 1 / a; tails.cpp does what is left, by quadrature.
//
// Sums end where the precision of the result is reached.
#include <algorithm>
#include <cmath>

#include "ops/special/scalar.h"

namespace steep::ops::scalar {

namespace {

struct Precision {
  double end;          // the part of a sum that may be left out
  double large;        // parameters from here on have the expansion
  int powers;          // of log(x / a) in it
  double near, along;  // a power series up to x = near + along * a
};
constexpr Precision kDouble{1e-17, 40, 22, 3, 1}, kSingle{1e-9, 8, 12, 3, 1.2};
constexpr int kMostTerms = 400;

// digamma(n) - log(n) for n >= 10 (6.3.18).
double below_log(double n) {
  const double r = 1 / n, z = r * r;
  return -0.5 * r -
         z * (1.0 / 12 -
              z * (1.0 / 120 -
                   z * (1.0 / 252 -
                        z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z / 12))))));
}

// x times the sum over k of term(k) (digamma(a + k + 1) - log(x)), where term(k) is
// x^k / (a (a + 1) ... (a + k)); digamma(a + 1) follows from that of a number beyond 10.
bool gamma_by_series(double a, double x, const Precision& to, double* slope) {
  double term = 1 / a, terms = term, moved = 0, harmonic = 0;
  for (int k = 1; k < kMostTerms; ++k) {
    const double r = 1 / (a + k);
    term *= x * r;
    harmonic += r;
    terms += term;
    moved += term * harmonic;
    if (a + k < 9 || term * x > to.end * terms * (a + k - x)) continue;
    const double beyond = a + k + 1;
    const double level = std::log(x / beyond) - below_log(beyond) + harmonic;
    *slope = x * (moved - level * terms);
    return true;
  }
  return false;
}

// The fraction's numerators and denominators, and their derivatives in a, by their recurrences.
struct Convergent {
  double top, bottom, top_slope, bottom_slope;
};
bool gamma_by_fraction(double a, double x, const Precision& to, double* slope) {
  constexpr double kMost = 1e30;  // four steps must not overflow
  if (!(x < kMost)) return false;
  const double level = std::log(x) - digamma(a);
  Convergent last{0, 1, 0, 0}, now{1, x + 1 - a, 0, -1};
  double before = 0;
  for (int n = 1; n < kMostTerms; ++n) {
    const double b = x + 2 * n + 1 - a, c = n * (a - n);
    const Convergent next{
        b * now.top + c * last.top, b * now.bottom + c * last.bottom,
        b * now.top_slope - now.top + c * last.top_slope + n * last.top,
        b * now.bottom_slope - now.bottom + c * last.bottom_slope + n * last.bottom};
    last = now, now = next;
    if (n % 4 != 0) continue;
    const double scale = 1 / now.bottom, tail = now.top * scale;
    *slope = x * ((now.top_slope - tail * now.bottom_slope) * scale + tail * level);
    if (std::fabs(*slope - before) <= 8 * to.end * std::fabs(*slope)) return true;
    before = *slope;
    for (Convergent* of : {&last, &now})
      *of = {of->top * scale, of->bottom * scale, of->top_slope * scale, of->bottom_slope * scale};
  }
  return false;
}

// The slope s solves  ds/dy + s (a - 1 - x) = x (digamma(a) - log(x)),  y = log(x / a).  With
// s = s_0(y) + s_1(y) / a + ...:  s_0 = y / (1 - exp(-y)),  and
//       s_k = (ds_(k-1)/dy - s_(k-1) - c_k exp(y)) / (exp(y) - 1),
// c_k the coefficients of digamma(a) - log(a) in powers of 1 / a. These are their Taylor series,
// which converge for |y| < 2 pi.
constexpr int kOrders = 10, kPowers = 22;
constexpr double kNearby = 1;
constexpr double kExpansion[kOrders][kPowers] = {
    {1.0,
     0.5,
     0.08333333333333333,
     0.0,
     -0.001388888888888889,
     0.0,
     3.306878306878307e-05,
     0.0,
     -8.267195767195768e-07,
     0.0,
     2.08767569878681e-08,
     0.0,
     -5.284190138687493e-10,
     0.0,
     1.3382536530684679e-11,
     0.0,
     -3.3896802963225827e-13,
     0.0,
     8.586062056277845e-15,
     0.0,
     -2.174868698558062e-16,
     0.0},
    {0.16666666666666666,     0.08333333333333333,     0.008333333333333333,
     -0.002777777777777778,   -0.000496031746031746,   9.92063492063492e-05,
     2.3148148148148147e-05,  -3.306878306878307e-06,  -9.394540644540645e-07,
     1.043837849393405e-07,   3.4875654915337455e-08,  -3.1705140832124957e-09,
     -1.2178108242923058e-09, 9.367775571479276e-11,   4.0676163555871e-11,
     -2.711744237058066e-12,  -1.3136674946105101e-12, 7.72745585065006e-14,
     4.132250527260318e-14,   -2.1748686985580617e-15, -1.272579653351213e-15,
     6.059903111196252e-17},
    {0.016666666666666666,    0.016666666666666666,    0.0035714285714285713,
     -0.0007936507936507937,  -0.00029761904761904765, 3.968253968253968e-05,
     1.893939393939394e-05,   -1.8037518037518038e-06, -1.0195657517086088e-06,
     7.55233890154525e-08,    4.890667093048045e-08,   -2.9640406624533607e-09,
     -2.1552181478652066e-09, 1.1052400758283111e-10,  8.898909056559837e-11,
     -3.955070691804372e-12,  -3.4895885270067703e-12, 1.368466089022263e-13,
     1.3122569338651602e-13,  -4.60441029426372e-15,   -4.766549165881119e-15,
     1.5131902113908316e-16},
    {-0.009523809523809525,   -0.0011904761904761906, 0.0017857142857142857,  0.0001984126984126984,
     -0.00019390331890331892, -1.893939393939394e-05, 1.5829078329078328e-05, 1.359421002278145e-06,
     -1.0734553145267432e-06, -8.151111821746742e-08, 6.371702289652803e-08,  4.310436295730413e-09,
     -3.417741796444886e-09,  -2.076412113197295e-10, 1.692465712688036e-10,  9.305569405351388e-12,
     -7.855706538381241e-12,  -3.936770801595481e-13, 3.4562334496797625e-13, 1.588849721960373e-14,
     -1.4537184456725977e-14, -6.165873683221716e-16},
    {-0.0035714285714285713, -0.0035714285714285713,  1.8037518037518038e-05,
     0.000487012987012987,   -2.3471898471898473e-05, -5.334942834942835e-05,
     4.212608379275046e-06,  4.610138538709967e-06,   -4.745285513842937e-07,
     -3.342885652059322e-07, 4.1204904555581086e-08,  2.123389847448769e-08,
     -3.003186066003941e-09, -1.2165425207718814e-09, 1.9248741082064717e-10,
     6.41717163167655e-11,   -1.1171177741261588e-11, -3.1636624736179634e-12,
     5.988223481195544e-13,  1.474211353186465e-13,   -3.0073844559163114e-14,
     -6.549713750114337e-15},
    {0.0036075036075036075,   -0.00036075036075036075, -0.0010017760017760019,
     0.00016742516742516742,  0.00014684389684389685,  -3.353128353128353e-05,
     -1.4957355643630154e-05, 4.392912306077572e-06,   1.1814477321074696e-06,
     -4.401809248382381e-07,  -7.643021952181289e-08,  3.6533504913214585e-08,
     4.151019193244901e-09,   -2.633264375881576e-09,  -1.8883605323484966e-10,
     1.700024518157163e-10,   6.836034041054293e-12,   -1.0043725660416122e-11,
     -1.5274440639309223e-13, 5.515589847369089e-13,   -3.025304036057478e-15,
     -2.8487143374399536e-14},
    {0.0023254523254523257,   0.0023254523254523257,   -0.000468975468975469,
     -0.00039913789913789916, 0.00013831484419719715,  4.551684698743522e-05,
     -2.311719545981672e-05,  -3.3768892035883043e-06, 2.7622913421969885e-06,
     1.3664319125173056e-07,  -2.621470653318531e-07,  3.781476218755398e-09,
     2.0961408152317808e-08,  -1.334055444362203e-09,  -1.4656928611363061e-09,
     1.554925269496727e-10,   9.189491116479511e-11,   -1.3418024322579674e-11,
     -5.257855902261105e-12,  9.792340439738468e-13,   2.7802282671163695e-13,
     -6.369548634645445e-14},
    {-0.0032634032634032634,  0.0009032634032634033,   0.00104466611819553,
     -0.00044763243292655057, -0.00014495577092326319, 0.00010003981656458436,
     8.953375342694228e-06,   -1.4461605502627175e-05, 4.2112613780654565e-07,
     1.5593695698806488e-06,  -1.7628872717878667e-07, -1.3484765986759912e-07,
     2.5459758889501177e-08,  9.729027951541564e-09,   -2.643783986346279e-09,
     -5.964638670273395e-10,  2.2610904069317603e-10,  3.098504620790409e-11,
     -1.685831975568524e-11,  -1.3088122651510525e-12, 1.1308493005712035e-12,
     3.7537051325169025e-14},
    {-0.00298059783353901,    -0.00298059783353901,    0.0011604301271483934,
     0.000512286561048171,    -0.0003815601967691751,  -2.994586682667178e-05,
     6.928577780559878e-05,   -5.459160691190574e-06,  -8.583991488598555e-06,
     1.6648687393026795e-06,  7.90865367150329e-07,    -2.5121850643603576e-07,
     -5.531495294505539e-08,  2.7857282804456154e-08,  2.733525629725715e-09,
     -2.5291837787897165e-09, -5.0946229220290065e-11, 1.977887053918943e-10,
     -7.781383507797817e-12,  -1.3718592901014268e-11, 1.2491874613039843e-12,
     8.596624759100227e-13},
    {0.005301458087835797,   -0.002274299487921779,   -0.0017849539521366147,
     0.0012824636663645952,  0.00015250468709884513,  -0.0003115337497488527,
     3.0682158660352226e-05, 4.590633128890537e-05,   -1.1498618475018875e-05,
     -4.555516642359388e-06, 1.9892178858939305e-06,  2.9107925460624544e-07,
     -2.438739045530876e-07, -5.279661192076803e-09,  2.3759545253314685e-08,
     -1.552127435651206e-09, -1.9365439243356776e-09, 2.7428406478925575e-10,
     1.3545903900694641e-10, -3.0139114203389274e-11, -8.199471134318838e-12,
     2.66109770518671e-12},
};

double gamma_by_expansion(double a, double y, const Precision& to) {
  double sum = 0, factor = 1;
  for (int k = 0; k < kOrders && factor > to.end; ++k, factor /= a) {
    double of = 0;
    for (int n = to.powers; n-- > 0;) of = of * y + kExpansion[k][n];
    sum += factor * of;
  }
  return sum;
}

double gamma_slope(double a, double x, const Precision& to) {
  if (!(a > 0 && x > 0)) return x == 0 && a > 0 ? 0 : std::nan("");
  if (a >= to.large) {
    const double y = std::log(x / a);
    if (std::fabs(y) <= kNearby) return gamma_by_expansion(a, y, to);
  }
  double slope;
  const bool found = x < to.near + to.along * a ? gamma_by_series(a, x, to, &slope)
                                                : gamma_by_fraction(a, x, to, &slope);
  return found ? slope : gamma_slope_by_quadrature(a, x);
}

// The lower tail is x^a (1 - x)^b / (a B(a, b)) times a sum of x^k (a + b)_k / (a + 1)_k.
bool beta_from_below(double a, double b, double x, const Precision& to, double* slope) {
  double term = 1, terms = 1, moved = 0, change = 0;
  for (int k = 0; k < kMostTerms; ++k) {
    const double both = a + b + k, next = a + 1 + k, r = 1 / (both * next);
    const double ratio = x * both * both * r;
    term *= ratio;
    change += (1 - b) * r;  // 1 / both - 1 / next
    terms += term;
    moved += term * change;
    const double last = std::max(ratio, x);
    if (both < 9 || next < 9 || term * last > to.end * terms * (1 - last)) continue;
    const double level = std::log(x * ((both + 1) / (next + 1))) + below_log(both + 1) -
                         below_log(next + 1) - change;
    *slope = -x / a * (level * terms + moved);
    return true;
  }
  return false;
}

// The upper tail likewise, of which only the first part of the sum and B(a, b) depend on a.
bool beta_from_above(double a, double b, double x, const Precision& to, double* slope) {
  const double y = 1 - x;
  double term = 1, terms = 1, moved = 0, harmonic = 0;
  for (int k = 0; k < kMostTerms; ++k) {
    const double both = a + b + k, next = b + 1 + k, r = 1 / (both * next);
    const double ratio = y * both * both * r;
    term *= ratio;
    harmonic += next * r;
    terms += term;
    moved += term * harmonic;
    const double last = std::max(ratio, y);
    if (term * last > to.end * terms * (1 - last)) continue;
    *slope = x / b * ((std::log(x) - digamma(a) + digamma(a + b)) * terms + moved);
    return true;
  }
  return false;
}

double beta_slope(double a, double b, double x, const Precision& to) {
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1)) return std::nan("");
  if (x == 0) return 0;
  x = std::min(x, 1 - 0x1p-53);  // what a draw was rounded to
  double slope;
  const bool found = x * (a + b) <= a ? beta_from_below(a, b, x, to, &slope)
                                      : beta_from_above(a, b, x, to, &slope);
  return found ? slope : beta_slope_by_quadrature(a, b, x);
}

}  // namespace

double gamma_draw_slope(double a, double x) { return gamma_slope(a, x, kDouble); }
double gamma_draw_slope_single(double a, double x) { return gamma_slope(a, x, kSingle); }
double beta_draw_slope(double a, double b, double x) { return beta_slope(a, b, x, kDouble); }
double beta_draw_slope_single(double a, double b, double x) { return beta_slope(a, b, x, kSingle); }

}  // namespace steep::ops::scalar
