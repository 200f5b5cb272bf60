// The logarithm, sine and cosine behind normal and exponential draws.
//
// A C library's versions differ from one machine to the next, and so would the weights of a seed.
// These are plain sums and products in double, the same everywhere, to within 1 ULP over the few
// arguments that occur: (0, 1] for the logarithm, [0, 2 pi] for sine and cosine. They are free of
// branches and tables, so that the compiler can do several at once.
#pragma once

#include <cstdint>
#include <cstring>

namespace steep::runtime::box_muller {

inline uint64_t bits_of(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline double from_bits(uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

constexpr double kTwoPi = 6.283185307179586;

// log(x) for normal x in (0, 1]. x = 2^k m with m in [sqrt(1/2), sqrt(2)), and with f = m - 1 and
// s = f / (2 + f), log(m) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + 2 s^2 (1/3 + s^2/5 + s^4/7 + ...)).
inline double log(double x) {
  constexpr uint64_t kOne = 0x3ff0000000000000, kRootHalf = 0x3fe6a09e667f3bcd;
  constexpr uint64_t kMantissa = 0x000fffffffffffff, kTwo52 = 0x4330000000000000;
  constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
  const uint64_t shifted = bits_of(x) + (kOne - kRootHalf);
  const double k = from_bits(shifted >> 52 | kTwo52) - (0x1p52 + 1023);
  const double f = from_bits((shifted & kMantissa) + kRootHalf) - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  double series = 2.0 / 23;
  series = series * z + 2.0 / 21;
  series = series * z + 2.0 / 19;
  series = series * z + 2.0 / 17;
  series = series * z + 2.0 / 15;
  series = series * z + 2.0 / 13;
  series = series * z + 2.0 / 11;
  series = series * z + 2.0 / 9;
  series = series * z + 2.0 / 7;
  series = series * z + 2.0 / 5;
  series = series * z + 2.0 / 3;
  const double half_square = 0.5 * f * f;
  // k log(2) + f - f^2/2, each sum with the part that rounding took from it.
  const double head = k * kLn2High, sum = head + f, total = sum - half_square;
  const double lost = (f - (sum - head)) + ((sum - total) - half_square);
  return total + (lost + (s * (half_square + z * series) + k * kLn2Low));
}

struct SinCos {
  double sin;
  double cos;
};

// sin(x) and cos(x) for x in [0, 2 pi]: x = q pi/2 + r with |r| <= pi/4 (pi/2 in three parts, the
// first two short enough that q times them is exact), Taylor's series for both, and the quadrant q
// decides which is which and their signs.
inline SinCos sincos(double x) {
  constexpr double kRound = 0x1.8p52;  // adding it leaves a whole number in the low bits
  constexpr double kHalfPi1 = 0x1.921fb544p0, kHalfPi2 = 0x1.0b4611a6p-34;
  constexpr double kHalfPi3 = 0x1.3198a2e037073p-69;
  const double shifted = x * 0.6366197723675814 + kRound;
  const uint64_t quadrant = bits_of(shifted);
  const double q = shifted - kRound;
  const double high = x - q * kHalfPi1;
  const double middle = q * kHalfPi2;
  const double r = high - middle;
  const double low = ((high - r) - middle) - q * kHalfPi3;  // what r has lost to rounding
  const double z = r * r;

  double odd = 1.0 / 355687428096000;
  odd = odd * z - 1.0 / 1307674368000;
  odd = odd * z + 1.0 / 6227020800;
  odd = odd * z - 1.0 / 39916800;
  odd = odd * z + 1.0 / 362880;
  odd = odd * z - 1.0 / 5040;
  odd = odd * z + 1.0 / 120;
  odd = odd * z - 1.0 / 6;
  const double sin = r + (r * z * odd + (1 - 0.5 * z) * low);

  double even = 1.0 / 20922789888000;
  even = even * z - 1.0 / 87178291200;
  even = even * z + 1.0 / 479001600;
  even = even * z - 1.0 / 3628800;
  even = even * z + 1.0 / 40320;
  even = even * z - 1.0 / 720;
  even = even * z + 1.0 / 24;
  const double half_square = 0.5 * z;
  const double rest = 1 - half_square;
  const double cos = rest + (((1 - rest) - half_square) + (z * z * even - r * low));

  const uint64_t swap = -(quadrant & 1);
  const uint64_t sine = (bits_of(sin) & ~swap) | (bits_of(cos) & swap);
  const uint64_t cosine = (bits_of(cos) & ~swap) | (bits_of(sin) & swap);
  return {from_bits(sine ^ (quadrant & 2) << 62), from_bits(cosine ^ ((quadrant + 1) & 2) << 62)};
}

}  // namespace steep::runtime::box_muller
