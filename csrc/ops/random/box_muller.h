// Two uniform numbers become two normal ones (Box and Muller, 1958), in double.
//
// A C library's logarithm, sine and cosine differ from one machine to the next, and so would the
// weights of a seed. These are plain sums and products, the same everywhere. Every intermediate
// carries what rounding took from it, so a result is off by little more than its one last rounding:
// that keeps it near to torch, whose own result is off by up to 2 ULP. There are no branches and no
// tables, so that the compiler can do several at once.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace steep::ops::box_muller {

constexpr double kTwoPi = 6.283185307179586;

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

// An unevaluated sum; low is what rounding took from high.
struct Pair {
  double high;
  double low;
};

// x + y exactly, where |x| >= |y| (Dekker, 1971).
inline Pair sum(double x, double y) {
  const double high = x + y;
  return {high, (x - high) + y};
}

// x * y exactly (Dekker, 1971): both are split into halves whose products have no rounding.
inline Pair product(double x, double y) {
  constexpr double kSplit = 0x1p27 + 1;
  const double scaled_x = x * kSplit, scaled_y = y * kSplit;
  const double x_high = scaled_x - (scaled_x - x), x_low = x - x_high;
  const double y_high = scaled_y - (scaled_y - y), y_low = y - y_high;
  const double high = x * y;
  return {high, ((x_high * y_high - high) + x_high * y_low + x_low * y_high) + x_low * y_low};
}

// log(x) for normal x in (0, 1]. x = 2^k m with m in [sqrt(1/2), sqrt(2)), and with f = m - 1 and
// s = f / (2 + f), log(m) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + 2 s^2 (1/3 + s^2/5 + s^4/7 + ...)).
inline Pair log(double x) {
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
  const Pair linear = sum(k * kLn2High, f);  // the product is exact; it is 0 or larger than f
  const Pair quadratic = sum(linear.high, -half_square);
  const double rest = s * (half_square + z * series) + k * kLn2Low;
  return sum(quadratic.high, quadratic.low + linear.low + rest);
}

struct Direction {
  Pair sin;
  Pair cos;
};

inline double chosen(uint64_t mask, double x, double y) {
  return from_bits((bits_of(x) & ~mask) | (bits_of(y) & mask));
}

// sin(x) and cos(x) for x in [0, 2 pi]: x = q pi/2 + r with |r| <= pi/4 (pi/2 in three parts, the
// first two short enough that q times them is exact), Taylor's series for both, and the quadrant q
// decides which is which and their signs.
inline Direction direction(double x) {
  constexpr double kRound = 0x1.8p52;  // adding it leaves a whole number in the low bits
  constexpr double kHalfPi1 = 0x1.921fb544p0, kHalfPi2 = 0x1.0b4611a6p-34;
  constexpr double kHalfPi3 = 0x1.3198a2e037073p-69;
  const double shifted = x * 0.6366197723675814 + kRound;
  const uint64_t quadrant = bits_of(shifted);
  const double q = shifted - kRound;
  const double high = x - q * kHalfPi1;
  const double middle = q * kHalfPi2;
  const double r = high - middle;
  const double low = ((high - r) - middle) - q * kHalfPi3;
  const Pair square = product(r, r);
  const double z = square.high;

  double odd = 1.0 / 355687428096000;
  odd = odd * z - 1.0 / 1307674368000;
  odd = odd * z + 1.0 / 6227020800;
  odd = odd * z - 1.0 / 39916800;
  odd = odd * z + 1.0 / 362880;
  odd = odd * z - 1.0 / 5040;
  odd = odd * z + 1.0 / 120;
  odd = odd * z - 1.0 / 6;
  const Pair sin = sum(r, r * z * odd + (1 - 0.5 * z) * low);

  double even = 1.0 / 20922789888000;
  even = even * z - 1.0 / 87178291200;
  even = even * z + 1.0 / 479001600;
  even = even * z - 1.0 / 3628800;
  even = even * z + 1.0 / 40320;
  even = even * z - 1.0 / 720;
  even = even * z + 1.0 / 24;
  const Pair head = sum(1, -0.5 * z);
  const Pair cos = sum(head.high, head.low + (z * z * even - r * low - 0.5 * square.low));

  const uint64_t swap = -(quadrant & 1);
  const double sin_sign = from_bits(bits_of(1.0) ^ (quadrant & 2) << 62);
  const double cos_sign = from_bits(bits_of(1.0) ^ ((quadrant + 1) & 2) << 62);
  return {{sin_sign * chosen(swap, sin.high, cos.high), sin_sign * chosen(swap, sin.low, cos.low)},
          {cos_sign * chosen(swap, cos.high, sin.high), cos_sign * chosen(swap, cos.low, sin.low)}};
}

// sqrt(-2 log(u)) for normal u in (0, 1], with one step of Newton for the low part.
inline Pair radius(double u) {
  const Pair logarithm = log(u);
  const double high = std::sqrt(-2 * logarithm.high);
  const Pair square = product(high, high);
  const double missing = ((-2 * logarithm.high - square.high) - square.low) - 2 * logarithm.low;
  return {high, missing / (2 * high + 0x1p-1000)};  // 0 for u = 1, without a division by zero
}

inline double rounded_product(Pair x, Pair y) {
  const Pair head = product(x.high, y.high);
  return head.high + (head.low + (x.high * y.low + x.low * y.high));
}

struct Normals {
  double first;
  double second;
};

// sqrt(-2 log(u)) times the cosine and the sine of the angle.
inline Normals normals(double u, double angle) {
  const Pair length = radius(u);
  const Direction unit = direction(angle);
  return {rounded_product(length, unit.cos), rounded_product(length, unit.sin)};
}

}  // namespace steep::ops::box_muller
