#include "kernels/elementwise/arithmetic.h"

#include "kernels/elementwise/loops.h"
#include "kernels/simd/vec_divide.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kCopy = elementwise("copy");
Kernel kFill = elementwise("fill");
Kernel kNeg = elementwise("neg");
Kernel kAbs = elementwise("abs");
Kernel kSign = elementwise("sign");
Kernel kFloor = elementwise("floor");
Kernel kCeil = elementwise("ceil");
Kernel kRound = elementwise("round");
Kernel kTrunc = elementwise("trunc");
Kernel kSqrt = elementwise("sqrt", 6);
Kernel kRsqrt = elementwise("rsqrt", 8);
Kernel kReciprocal = elementwise("reciprocal", 4);
Kernel kSquare = elementwise("square");
Kernel kAdd = elementwise("add");
Kernel kSub = elementwise("sub");
Kernel kMul = elementwise("mul");
Kernel kDiv = elementwise("div", 4);
Kernel kFloorDivide = elementwise("floor_divide", 8);
Kernel kRemainder = elementwise("remainder", 8);
Kernel kFmod = elementwise("fmod", 8);
Kernel kPow = elementwise("pow", 60);
Kernel kAddScaled = elementwise("add_scaled", 2);
#endif

namespace {

// Integers compute in their unsigned kind, where overflow is defined.
template <class T>
struct Wrapping {
  using Type = uint64_t;
};
template <>
struct Wrapping<float> {
  using Type = float;
};
template <>
struct Wrapping<double> {
  using Type = double;
};
template <>
struct Wrapping<int32_t> {
  using Type = uint32_t;
};
template <>
struct Wrapping<uint8_t> {
  using Type = uint8_t;
};

template <class T>
STEEP_INLINE typename Wrapping<T>::Type wrap(T x) {
  return static_cast<typename Wrapping<T>::Type>(x);
}

template <class T>
STEEP_INLINE T copy(T x) {
  return x;
}
template <class T>
STEEP_INLINE T neg(T x) {
  return static_cast<T>(-wrap(x));
}
template <class T>
STEEP_INLINE T integer_abs(T x) {
  return x < T(0) ? neg(x) : x;
}
template <class T>
STEEP_INLINE T sign(T x) {
  return static_cast<T>((x > T(0) ? T(1) : T(0)) - (x < T(0) ? T(1) : T(0)));
}
template <class T>
STEEP_INLINE T square(T x) {
  return static_cast<T>(wrap(x) * wrap(x));
}
template <class T>
STEEP_INLINE T rsqrt(T x) {
  return T(1) / vec::sqrt(x);
}
template <class T>
STEEP_INLINE T reciprocal(T x) {
  return T(1) / x;
}

template <class T>
STEEP_INLINE T add(T x, T y) {
  return static_cast<T>(wrap(x) + wrap(y));
}
template <class T>
STEEP_INLINE T sub(T x, T y) {
  return static_cast<T>(wrap(x) - wrap(y));
}
template <class T>
STEEP_INLINE T mul(T x, T y) {
  return static_cast<T>(wrap(x) * wrap(y));
}
template <class T>
STEEP_INLINE T div(T x, T y) {
  return x / y;
}
template <class T>
STEEP_INLINE T add_scaled(T x, T y, T alpha) {
  return static_cast<T>(wrap(x) + wrap(alpha) * wrap(y));
}
template <class T>
STEEP_INLINE T add_scaled_float(T x, T y, T alpha) {
  return vec::mul_add(alpha, y, x);
}

template <class T>
void fill_all() {
  set_unary<T, copy<T>, Light>(kCopy);
  set_unary<T, copy<T>, Light>(kFill);
  set_unary<T, neg<T>, Light>(kNeg);
  set_unary<T, sign<T>, Light>(kSign);
  set_unary<T, square<T>, Light>(kSquare);
  set_binary<T, add<T>, Light>(kAdd);
  set_binary<T, sub<T>, Light>(kSub);
  set_binary<T, mul<T>, Light>(kMul);
}

template <class T, T (*kQuick)(T, T), T (*kLong)(T, T)>
void set_division(Kernel& kernel) {
  using Op = LongBinary<T, kQuick, kLong, vec::is_long_division<T>>;
  set_loop<T>(kernel, binary_loop<Op, kBlockLanes<T>, T, T, T>);
}

template <class T>
void fill_floating() {
  set_unary<T, vec::abs<T>, Light>(kAbs);
  set_unary<T, vec::floor, Light>(kFloor);
  set_unary<T, vec::ceil, Light>(kCeil);
  set_unary<T, vec::round_even, Light>(kRound);
  set_unary<T, vec::trunc, Light>(kTrunc);
  set_unary<T, vec::sqrt, Light>(kSqrt);
  set_unary<T, rsqrt<T>, Light>(kRsqrt);
  set_unary<T, reciprocal<T>, Light>(kReciprocal);
  set_binary<T, div<T>, Light>(kDiv);
  set_division<T, vec::floor_divide<T>, vec::floor_divide_long<T>>(kFloorDivide);
  set_division<T, vec::remainder<T>, vec::remainder_long<T>>(kRemainder);
  set_division<T, vec::fmod<T>, vec::fmod_long<T>>(kFmod);
  set_ternary<T, add_scaled_float<T>, Light>(kAddScaled);
}

template <class T>
void fill_integer() {
  set_unary<T, integer_abs<T>, Light>(kAbs);
  set_unary<T, copy<T>, Light>(kFloor);
  set_unary<T, copy<T>, Light>(kCeil);
  set_unary<T, copy<T>, Light>(kRound);
  set_unary<T, copy<T>, Light>(kTrunc);
  set_binary<T, vec::integer_floor_divide<T>>(kFloorDivide);
  set_binary<T, vec::integer_remainder<T>>(kRemainder);
  set_binary<T, vec::integer_fmod<T>>(kFmod);
  set_binary<T, vec::integer_pow<T>>(kPow);
  set_ternary<T, add_scaled<T>, Light>(kAddScaled);
}

// Memory from outside may hold other bytes than 0 and 1.
uint8_t bool_or(uint8_t x, uint8_t y) { return (x | y) != 0; }
uint8_t bool_and(uint8_t x, uint8_t y) { return (x != 0) & (y != 0); }

}  // namespace

void STEEP_FILL(elementwise_arithmetic)() {
  fill_all<float>(), fill_floating<float>();
  fill_all<double>(), fill_floating<double>();
  fill_all<int64_t>(), fill_integer<int64_t>();
  fill_all<int32_t>(), fill_integer<int32_t>();
  fill_all<uint8_t>(), fill_integer<uint8_t>();
  constexpr int kLanes = kBlockLanes<uint8_t>;
  using Byte = uint8_t;
  constexpr Loop kCopies = unary_loop<Unary<Light, Byte, Byte, copy<Byte>>, kLanes, Byte, Byte>;
  set_loop<bool>(kCopy, kCopies);
  set_loop<bool>(kFill, kCopies);
  set_loop<bool>(kAdd, binary_loop<Binary<Light, Byte, Byte, bool_or>, kLanes, Byte, Byte, Byte>);
  set_loop<bool>(kMul, binary_loop<Binary<Light, Byte, Byte, bool_and>, kLanes, Byte, Byte, Byte>);
}

}  // namespace steep::kernels
