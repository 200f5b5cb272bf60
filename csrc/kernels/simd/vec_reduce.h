// Angles reduced to [-pi/4, pi/4]: quickly up to 10^9, for every finite double by the long way.
#pragma once

#include "kernels/simd/vec_core.h"

namespace steep::kernels {
namespace {
namespace vec {

constexpr double kTwoOverPi = 0.6366197723675814;
constexpr double kHalfPi = 1.5707963267948966;  // pi/2 = kHalfPi + kHalfPiLow + kHalfPiRest
constexpr double kHalfPiLow = 6.123233995736766e-17;
constexpr double kHalfPiRest = -1.4973849048591698e-33;
constexpr double kQuickAngle = 1.0e9;

// x = quarter * pi/2 + angle; of quarter only the lowest bits count.
struct Angle {
  Pair<double> angle;
  uint64_t quarter;
};

// Beyond the quick reduction, where a loop over vectors must take the long way element by element.
template <class T>
STEEP_INLINE bool is_long_angle(T x) {
  return (abs(x) > T(kQuickAngle)) & (abs(x) <= Format<T>::kMax);
}

// n * kHalfPi is a multiple of 2^-52, as x is: their difference is exact. With two more parts, over
// 100 bits of pi/2.
STEEP_INLINE Angle quick_angle(double x) {
  const Whole<double> n = nearest_whole(x, kTwoOverPi);
  const double head = subtract_product(x, n.value, kHalfPi);
  const Pair<double> next = two_product(n.value, kHalfPiLow);
  const Pair<double> sum = two_sum(head, -next.hi);
  const double low = sum.lo - mul_add(n.value, kHalfPiRest, next.lo);
  return {fast_two_sum(sum.hi, low), n.count};
}

// 64 zeros, then the bits of 2/pi after the point.
constexpr uint64_t kTwoOverPiBits[21] = {
    0,
    0xa2f9836e4e441529u,
    0xfc2757d1f534ddc0u,
    0xdb6295993c439041u,
    0xfe5163abdebbc561u,
    0xb7246e3a424dd2e0u,
    0x06492eea09d1921cu,
    0xfe1deb1cb129a73eu,
    0xe88235f52ebb4484u,
    0xe99c7026b45f7e41u,
    0x3991d639835339f4u,
    0x9c845f8bbdf9283bu,
    0x1ff897ffde05980fu,
    0xef2f118b5a0a6d1fu,
    0x6d367ecf27cb09b7u,
    0x4f463f669e5fea2du,
    0x7527bac7ebe5f17bu,
    0x3d0739f78a5292eau,
    0x6bfb5fb11f8d5d08u,
    0x56033046fc7b6babu,
    0xf0cfbc209af4361du,
};

// |x| = mantissa * 2^exponent times 192 bits of 2/pi, after Payne and Hanek. Earlier bits would
// only add whole turns; later ones lie below the pair's precision even where x comes closest to a
// multiple of pi/2.
inline Angle long_angle(double x) {
  __extension__ using Wide = unsigned __int128;
  const uint64_t bits = to_bits(abs(x));
  const uint64_t mantissa = (bits & 0xfffffffffffffu) | 0x10000000000000u;
  const int first = static_cast<int>(bits >> 52) - 1075 + 62;  // the exponent is at least -23
  const int word = first >> 6, offset = first & 63;
  uint64_t part[3];
  for (int i = 0; i < 3; ++i) {
    const Wide two =
        static_cast<Wide>(kTwoOverPiBits[word + i]) << 64 | kTwoOverPiBits[word + i + 1];
    part[i] = static_cast<uint64_t>(two << offset >> 64);
  }
  // The product modulo 2^192: two bits of quarter, then the fraction of a quarter.
  const Wide low = static_cast<Wide>(mantissa) * part[2];
  const Wide middle = static_cast<Wide>(mantissa) * part[1] + (low >> 64);
  const uint64_t top = mantissa * part[0] + static_cast<uint64_t>(middle >> 64);
  Wide fraction = static_cast<Wide>(top) << 64 | static_cast<uint64_t>(middle);
  fraction = fraction << 2 | static_cast<uint64_t>(low) >> 62;
  const bool above_half = fraction >> 127 != 0;  // nearer to the next quarter, from below
  const uint64_t quarter = (top >> 62) + above_half;
  if (above_half) fraction = -fraction;
  // The fraction is never 0: x is no multiple of pi/2.
  const uint64_t high = static_cast<uint64_t>(fraction >> 64);
  const int zeros =
      high ? __builtin_clzll(high) : 64 + __builtin_clzll(static_cast<uint64_t>(fraction) | 1);
  fraction <<= zeros;
  const double unit = power_of_two<double>(static_cast<uint64_t>(-zeros));
  const double a = static_cast<double>(static_cast<int64_t>(fraction >> 75)) * (unit * 0x1p-53);
  const double b =
      static_cast<double>(static_cast<int64_t>(fraction >> 12 & ~0ull >> 1)) * (unit * 0x1p-116);
  const Pair<double> product = two_product(a, kHalfPi);
  const double rest = mul_add(a, kHalfPiLow, mul_add(b, kHalfPi, product.lo));
  const Pair<double> angle = fast_two_sum(product.hi, rest);
  const uint64_t sign = above_half ? sign_of(-x) : sign_of(x);
  return {{flip_sign(angle.hi, sign), flip_sign(angle.lo, sign)}, x < 0.0 ? -quarter : quarter};
}

}  // namespace vec
}  // namespace
}  // namespace steep::kernels
