// Division's relatives: fmod, remainder, floor_divide, for floating types and integers. All exact.
#pragma once

#include "kernels/simd/vec_core.h"

namespace steep::kernels {
namespace {
namespace vec {

// Beyond the quick way: a quotient too large for its whole part to be known, an operand at the edge
// of its range.
template <class T>
STEEP_INLINE bool is_long_division(T x, T y) {
  using F = Format<T>;
  const T smallest = from_bits<T>(BitsOf<T>(2 * F::kMantissa + 8) << F::kMantissa);
  const T a = abs(x), b = abs(y), quotient = abs(x / y);
  return !((quotient < F::kWhole / T(4)) & (b > smallest) & (b < F::kMax / T(4)) &
           (a < F::kMax / T(4)));
}

// x - trunc(x / y) y. The quotient, rounded, may have reached the next whole number: then the
// difference, still exact, has the wrong sign and takes one y back.
template <class T>
STEEP_INLINE T fmod(T x, T y) {
  const T difference = subtract_product(x, trunc(x / y), y);
  const T aligned = flip_sign(difference, sign_of(x));
  return copysign(aligned < T(0) ? aligned + abs(y) : aligned, x);
}

// Long division by bits, as many at a time as 64 hold beside a divisor; any operands.
template <class T>
inline T fmod_long(T x, T y) {
  using F = Format<T>;
  const T a = abs(x), b = abs(y);
  if (!(a < infinity<T>()) || b != b || b == T(0)) return nan<T>();
  if (a < b) return x;
  constexpr uint64_t kHidden = uint64_t(1) << F::kMantissa;
  const uint64_t a_bits = to_bits(a), b_bits = to_bits(b);
  int a_exponent = static_cast<int>(a_bits >> F::kMantissa);
  int b_exponent = static_cast<int>(b_bits >> F::kMantissa);
  const uint64_t divisor = (b_bits & (kHidden - 1)) | (b_exponent ? kHidden : 0);
  uint64_t rest = (a_bits & (kHidden - 1)) | (a_exponent ? kHidden : 0);
  a_exponent += a_exponent == 0;  // subnormals have the exponent of the smallest normal
  b_exponent += b_exponent == 0;
  rest %= divisor;
  constexpr int kStride = 63 - F::kMantissa;
  for (int left = a_exponent - b_exponent; left > 0; left -= kStride)
    rest = (rest << (left < kStride ? left : kStride)) % divisor;
  const int unit = b_exponent - static_cast<int>(F::kBias) - F::kMantissa;
  return copysign(scale(static_cast<T>(static_cast<int64_t>(rest)), static_cast<BitsOf<T>>(unit)),
                  x);
}

// Python's %: the remainder has the sign of y.
template <class T>
STEEP_INLINE T remainder_from(T rest, T y) {
  const bool moves = (rest != T(0)) & ((y < T(0)) != (rest < T(0)));
  return moves ? rest + y : rest;
}
template <class T>
STEEP_INLINE T remainder(T x, T y) {
  return remainder_from(fmod(x, y), y);
}
template <class T>
inline T remainder_long(T x, T y) {
  return remainder_from(fmod_long(x, y), y);
}

// Python's //, from the exact rest of the division, so that x == (x // y) * y + x % y as closely as
// rounding allows.
template <class T>
STEEP_INLINE T floor_divide_from(T x, T y, T rest) {
  const bool moves = (rest != T(0)) & ((y < T(0)) != (rest < T(0)));
  const T plain = (x - rest) / y;
  const T quotient = moves ? plain - T(1) : plain;
  const T whole = floor(quotient);
  const T nearest = quotient - whole > T(0.5) ? whole + T(1) : whole;
  const T direct = x / y;
  const T out = quotient == T(0) ? copysign(T(0), direct) : nearest;
  return y == T(0) ? direct : out;
}
template <class T>
STEEP_INLINE T floor_divide(T x, T y) {
  return floor_divide_from(x, y, fmod(x, y));
}
template <class T>
inline T floor_divide_long(T x, T y) {
  return floor_divide_from(x, y, fmod_long(x, y));
}

// Integers. Dividing by 0 gives 0 (the operation's caller has raised); the lowest number over -1
// wraps.
template <class T>
struct Division {
  T quotient, rest;
};
template <class T>
STEEP_INLINE Division<T> divide(T x, T y) {
  const bool trivial = (y == T(0)) | (y == static_cast<T>(-1) && T(-1) < T(0));
  const T divisor = trivial ? T(1) : y;
  const T quotient = x / divisor;
  const T rest = static_cast<T>(x % divisor);
  const T negated = static_cast<T>(0u - static_cast<uint64_t>(x));
  return {y == T(0) ? T(0) : (trivial ? negated : quotient), rest};
}
template <class T>
STEEP_INLINE T integer_fmod(T x, T y) {
  return divide(x, y).rest;
}
template <class T>
STEEP_INLINE T integer_remainder(T x, T y) {
  return static_cast<T>(remainder_from(divide(x, y).rest, y));
}
template <class T>
STEEP_INLINE T integer_floor_divide(T x, T y) {
  const Division<T> d = divide(x, y);
  const bool moves = (d.rest != T(0)) & ((y < T(0)) != (d.rest < T(0)));
  return static_cast<T>(d.quotient - T(moves));
}

// By repeated squaring, wrapping around; a negative exponent truncates 1 / x^-y toward 0.
template <class T>
STEEP_INLINE T integer_pow(T x, T y) {
  uint64_t square = static_cast<uint64_t>(x), power = 1;
  for (T left = y; left > T(0); left = static_cast<T>(left >> 1)) {
    if (left & T(1)) power *= square;
    square *= square;
  }
  const T unit = x == T(1) || x == static_cast<T>(-1) ? ((y & T(1)) ? x : T(1)) : T(0);
  return y < T(0) ? unit : static_cast<T>(power);
}

}  // namespace vec
}  // namespace
}  // namespace steep::kernels
