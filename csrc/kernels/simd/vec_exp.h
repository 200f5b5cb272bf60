// Exponential family: exp, exp2, expm1, sinh, cosh, tanh, sigmoid, for float and double.
//
// x = k ln2 + r, |r| <= ln2 / 2, and exp(x) = 2^k exp(r) with a polynomial for exp(r).
#pragma once

#include "kernels/simd/vec_core.h"

namespace steep::kernels {
namespace {
namespace vec {

template <class T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  static constexpr float kLog2E = 1.44269504f;
  static constexpr float kLn2Hi =
      0.693359375f;  // few enough bits that k * kLn2Hi is exact without FMA
  static constexpr float kLn2Lo = -2.12194440e-4f;
  static constexpr float kVanish = 104.0f;     // exp(-x) is 0 from here on
  static constexpr float kOverflow = 89.0f;    // exp(x) is infinite from here on
  static constexpr float kSaturate = 18.0f;    // exp(-2x) vanishes beside 1 well before
  static constexpr float kTanhNear = 0.6875f;  // where tanh goes from one form to the other
  static constexpr uint32_t kDown = 40;        // sigmoid's quotient is taken times 2^-kDown
};

template <>
struct ExpConstants<double> {
  static constexpr double kLog2E = 1.4426950408889634;
  static constexpr double kLn2Hi = 0.6931471805598903;  // 42 bits
  static constexpr double kLn2Lo = 5.497923018708371e-14;
  static constexpr double kVanish = 746.0;
  static constexpr double kOverflow = 710.0;
  static constexpr double kSaturate = 40.0;
  static constexpr double kTanhNear = 0.625;
  static constexpr uint64_t kDown = 200;
};

// (exp(r) - 1 - r) / r^2 for |r| <= ln2 / 2, to 2^-28 and 2^-57.8 of exp(r).
STEEP_INLINE float exp_tail(float r) {
  const float square = r * r;  // in pairs: the CPU waits less for one product than for the next
  const float high = mul_add(square, 0.0013782198f, mul_add(r, 0.008368677f, 0.041668966f));
  return mul_add(square, high, mul_add(r, 0.16666521f, 0.4999999f));
}
STEEP_INLINE double exp_tail(double r) {
  return horner(r, 0.5000000000000011, 0.16666666666666421, 0.04166666666652688,
                0.008333333333488643, 0.0013888888944387334, 0.00019841269519410982,
                2.480149238265167e-05, 2.755757467755864e-06, 2.76304871785568e-07,
                2.500384206033111e-08);
}

// exp(x + low) = (1 + growth) * 2^k, for x already within range.
template <class T>
struct Exponential {
  T growth;
  BitsOf<T> k;
};

template <class T>
STEEP_INLINE Exponential<T> exp_parts(T x, T low) {
  using C = ExpConstants<T>;
  const Whole<T> k = nearest_whole(x, C::kLog2E);
  const T high = mul_add(k.value, -C::kLn2Hi, x);
  const T r = mul_add(k.value, -C::kLn2Lo, high) + low;
  return {mul_add(r * r, exp_tail(r), r), k.count};
}
// The same without a low part, whose addition a compiler may not leave out.
template <class T>
STEEP_INLINE Exponential<T> exp_parts(T x) {
  using C = ExpConstants<T>;
  const Whole<T> k = nearest_whole(x, C::kLog2E);
  const T r = mul_add(k.value, -C::kLn2Lo, mul_add(k.value, -C::kLn2Hi, x));
  return {mul_add(r * r, exp_tail(r), r), k.count};
}

// exp(x + low) * 2^shift, the low part below half a unit of x.
template <class T>
STEEP_INLINE T exp_shifted(T x, T low, int shift) {
  using C = ExpConstants<T>;
  const Exponential<T> e =
      exp_parts(limit(x, C::kVanish + T(2)), low);  // 2: headroom for the shift
  return scale(e.growth + T(1), e.k + static_cast<BitsOf<T>>(shift));
}

// Accuracy: 1.01 (float), 0.99 (double).
template <class T>
STEEP_INLINE T exp(T x) {
  return exp_shifted(x, T(0), 0);
}

// Half the exponents, on either side of 0, for which 2^k exp(r) is a normal number whatever r is.
template <class T>
constexpr T kNear = sizeof(T) == 4 ? T(87) : T(708);

// exp(x) in steps, for loops that take every step for many elements before the next: the CPU then
// has work while it waits, and exp_near, whose steps wait for one another, takes a fifth longer.
//
// Step 1: k, the whole number nearest to x / ln2, in the lowest bits of k + kMagic.
template <class T>
STEEP_INLINE T exp_power(T x) {
  return mul_add(x, ExpConstants<T>::kLog2E, Format<T>::kMagic);
}
// Step 2: x - k ln2.
template <class T>
STEEP_INLINE T exp_rest(T x, T power) {
  using C = ExpConstants<T>;
  const T k = power - Format<T>::kMagic;
  return mul_add(k, -C::kLn2Lo, mul_add(k, -C::kLn2Hi, x));
}
// Step 3: exp(rest) - 1, which rounds less than exp(rest) does.
template <class T>
STEEP_INLINE T exp_growth(T r) {
  return mul_add(r * r, exp_tail(r), r);
}
// Or exp(rest) itself. As a plain chain it takes the fewest registers; the float's is that of
// exp_tail.
STEEP_INLINE float exp_of_rest(float r) {
  return horner(r, 1.0f, 1.0f, 0.4999999f, 0.16666521f, 0.041668966f, 0.008368677f, 0.0013782198f);
}
STEEP_INLINE double exp_of_rest(double r) { return exp_growth(r) + 1.0; }
// Step 4: times 2^k, where that is a normal number: k lies below the bits of the number that
// rounded it, which leave at the top. What is NaN may become anything.
template <class T>
STEEP_INLINE T times_power(T e, T power) {
  return from_bits<T>(to_bits(e) + (to_bits(power) << Format<T>::kMantissa));
}
// The same for k below the largest exponent; 0 where that might be subnormal.
template <class T>
STEEP_INLINE T exp_raised(T e, T power) {
  constexpr T kLeast = Format<T>::kMagic - T(Format<T>::kBias - 2);
  const T raised = times_power(e, power);
  return power < kLeast ? T(0) : raised;
}

// exp(x) for |x| <= kNear, with the bits of exp: one factor suffices, and k goes into the exponent
// as it is.
template <class T>
STEEP_INLINE T exp_near(T x) {
  const T power = exp_power(x);
  return times_power(exp_growth(exp_rest(x, power)) + T(1), power);
}

template <class T>
STEEP_INLINE bool is_far(T x) {
  return !(abs(x) <= kNear<T>);
}

// Accuracy: 1.02 (float), 1.06 (double).
template <class T>
STEEP_INLINE T exp2(T x) {
  constexpr T kLn2 = T(0.69314718055994530942);
  const T bounded = limit(x, T(Format<T>::kBias + Format<T>::kMantissa + 3));
  const Whole<T> k = nearest_whole(bounded, T(1));
  const T r = (bounded - k.value) * kLn2;
  return scale(mul_add(r * r, exp_tail(r), r) + T(1), k.count);
}

// exp(x) - 1 = 2^k (r + tail) + (2^k - 1). The sum of the two large parts is kept exact; all else
// is small beside it. Accuracy: 1.07 (float), 1.12 (double).
template <class T>
STEEP_INLINE T expm1(T x) {
  using C = ExpConstants<T>;
  const T bounded = limit(x, C::kOverflow);
  const Whole<T> k = nearest_whole(bounded, C::kLog2E);
  const T high = mul_add(k.value, -C::kLn2Hi, bounded);
  const T r = mul_add(k.value, -C::kLn2Lo, high);
  const T r_low = mul_add(k.value, -C::kLn2Lo, high - r);
  const T tail = mul_add(r * r, exp_tail(r), r_low);
  // Half of 2^k, which may not fit itself; 0 where it vanishes beside 1.
  const T half_power = x < -C::kSaturate * T(2) ? T(0) : power_of_two<T>(k.count - 1);
  const Pair<T> sum = two_sum(half_power - T(0.5), half_power * r);
  const T out = T(2) * (sum.hi + mul_add(half_power, tail, sum.lo));
  return abs(x) < T(4) * Format<T>::kMinNormal ? x : out;  // keeps -0 and subnormals
}

// (tanh(x) - x) / x^3 in z = x^2, |x| <= kTanhNear, to 2^-26 and 2^-56 of tanh(x) / x.
STEEP_INLINE float tanh_tail(float z) {
  return horner(z, -0.33333218f, 0.13329725f, -0.053601824f, 0.020209167f, -0.00524793f);
}
STEEP_INLINE double tanh_tail(double z) {
  return horner(z, -0.3333333333333333, 0.13333333333332717, -0.05396825396768284,
                0.021869488512481012, -0.00886323499260732, 0.00359212060464836,
                -0.0014557677768590274, 0.0005896273100145199, -0.00023749564333772912,
                9.240113985018673e-05, -3.102760547532168e-05, 6.408164503922567e-06);
}

// tanh is an odd polynomial near 0; beyond, 1 - 2 / (exp(2|x|) + 1), whose subtraction no longer
// cancels. In steps, for loops as those of exp_power; half the exponent throughout, so that nothing
// is doubled.
//
// Step 1: |x|, capped where tanh is 1. A float's bits have their minimum in one instruction; they
// cap NaN too, which tanh_near is left to keep.
STEEP_INLINE float tanh_size(float x) {
  constexpr uint32_t kCap = __builtin_bit_cast(uint32_t, ExpConstants<float>::kSaturate);
  const uint32_t size = to_bits(abs(x));
  return from_bits<float>(size < kCap ? size : kCap);
}
STEEP_INLINE double tanh_size(double x) {
  constexpr double kCap = ExpConstants<double>::kSaturate;
  const double size = abs(x);
  return size > kCap ? kCap : size;
}
// Step 2: exp_power of twice the size.
template <class T>
STEEP_INLINE T tanh_power(T size) {
  return mul_add(size, T(2) * ExpConstants<T>::kLog2E, Format<T>::kMagic);
}
// Step 3: half of exp_rest. Where FMA leaves k ln2 exact, a float's ln2 needs no low part: what it
// misses grows with k, and its weight in tanh vanishes sooner.
template <class T>
STEEP_INLINE T tanh_rest(T size, T power) {
  using C = ExpConstants<T>;
  const T k = power - Format<T>::kMagic;
#if STEEP_HAS_FMA
  if (sizeof(T) == 4) return mul_add(k, T(-0.34657359f), size);
#endif
  return mul_add(k, T(-0.5) * C::kLn2Lo, mul_add(k, T(-0.5) * C::kLn2Hi, size));
}
// Step 4: exp of twice the rest; the float's coefficients are those of exp_of_rest, times 2^i.
STEEP_INLINE float exp_of_twice(float r) {
  return horner(r, 1.0f, 2.0f, 1.9999996f, 1.3333217f, 0.66670346f, 0.26779766f, 0.08820597f);
}
STEEP_INLINE double exp_of_twice(double r) { return exp_of_rest(r + r); }
// Step 5: tanh(|x|) far from 0.
template <class T>
STEEP_INLINE T tanh_far(T e, T power) {
  return T(1) - T(2) / (times_power(e, power) + T(1));
}
// Step 6: tanh(size), size = |x|, near 0.
template <class T>
STEEP_INLINE T tanh_near(T size) {
  const T z = size * size;
  return mul_add(size * z, tanh_tail(z), size);
}
// Step 7: the right one of the two, with the sign of x, that of -0 too.
template <class T>
STEEP_INLINE T tanh_either(T x, T far, T near) {
  const T size = abs(x) > ExpConstants<T>::kTanhNear ? far : near;
  return from_bits<T>(to_bits(size) | sign_of(x));
}

// Accuracy: 1.25 (float), 1.31 (double).
template <class T>
STEEP_INLINE T tanh(T x) {
  const T size = tanh_size(x), power = tanh_power(size);
  const T far = tanh_far(exp_of_twice(tanh_rest(size, power)), power);
  return tanh_either(x, far, tanh_near(abs(x)));
}

// sigmoid(x) = 1 / (1 + exp(-x)), numerator and denominator brought down by a power of two, so that
// the exponential does not overflow. In steps, for loops as those of exp_power.
//
// Step 1: x, brought to where sigmoid is neither 0 nor 1.
template <class T>
STEEP_INLINE T sigmoid_bounded(T x) {
  using C = ExpConstants<T>;
  const T above = x < -C::kVanish ? -C::kVanish : x;
  return x > T(2) * C::kSaturate ? T(2) * C::kSaturate : above;
}
// Step 2: exp_power of -x. Step 3: exp_rest of -x. Step 4 is exp_growth.
template <class T>
STEEP_INLINE T sigmoid_power(T x) {
  return mul_add(x, -ExpConstants<T>::kLog2E, Format<T>::kMagic);
}
template <class T>
STEEP_INLINE T sigmoid_rest(T x, T power) {
  return exp_rest(-x, power);
}
// Step 5: the denominator. exp(-x) = 2^k (1 + growth) is added to 1 piecewise.
template <class T>
STEEP_INLINE Pair<T> sigmoid_bottom(T growth, T power) {
  using F = Format<T>;
  const BitsOf<T> biased = to_bits(power) + (F::kBias - ExpConstants<T>::kDown);
  const T raised = from_bits<T>(biased << F::kMantissa);
  const Pair<T> whole = two_sum(power_of_two<T>(-ExpConstants<T>::kDown), raised);
  const Pair<T> sum = fast_two_sum(whole.hi, raised * growth);
  return {sum.hi, sum.lo + whole.lo};
}
// Step 6: the quotient; what the sum lost is made up for.
template <class T>
STEEP_INLINE T sigmoid_ratio(T bottom, T low) {
  const T q = T(1) / bottom;
  return mul_add(-q, q * low, q) * power_of_two<T>(-ExpConstants<T>::kDown);
}

// Accuracy: 1.42 (float), 1.47 (double).
template <class T>
STEEP_INLINE T sigmoid(T x) {
  const T bounded = sigmoid_bounded(x), power = sigmoid_power(bounded);
  const Pair<T> bottom = sigmoid_bottom(exp_growth(sigmoid_rest(bounded, power)), power);
  return sigmoid_ratio(bottom.hi, bottom.lo);
}

// (sinh(x) - x) / x^3 in z = x^2, |x| <= 1.
STEEP_INLINE float sinh_tail(float z) {
  return horner(z, 0.16666667f, 0.008333297f, 0.00019846643f, 2.7571373e-06f);
}
STEEP_INLINE double sinh_tail(double z) {
  return horner(z, 0.16666666666666666, 0.00833333333333368, 0.0001984126984089383,
                2.7557319403629646e-06, 2.5052064347244626e-08, 1.6064823622356309e-10,
                7.260866371612155e-13, 1.3148589274129013e-14);
}

// Half of exp(|x|), so that the last step before overflow is still right.
// Accuracy: 1.61 (float), 1.62 (double).
template <class T>
STEEP_INLINE T sinh(T x) {
  const T half = exp_shifted(abs(x), T(0), -1);
  const T far = half - T(0.25) / half;
  const T z = x * x;
  const T near = mul_add(x * z, sinh_tail(z), x);
  return copysign(abs(x) > T(1) ? far : near, x);
}

// Accuracy: 1.42 (float), 1.42 (double).
template <class T>
STEEP_INLINE T cosh(T x) {
  const T half = exp_shifted(abs(x), T(0), -1);
  return half + T(0.25) / half;
}

}  // namespace vec
}  // namespace
}  // namespace steep::kernels
