// Elementwise arithmetic of every numeric type. Integers wrap around; bool adds by or and
// multiplies by and.
#include "kernels/elementwise/loops.h"
#include "kernels/simd/vec_divide.h"

namespace steep::kernels {
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
STEEP_INLINE T relu(T x) {
  return x < T(0) ? T(0) : x;  // NaN and -0 stay
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
void fill_all(Table& table) {
  using E = Elementwise;
  set_unary<T, copy<T>, Light>(table, E::copy);
  set_unary<T, neg<T>, Light>(table, E::neg);
  set_unary<T, sign<T>, Light>(table, E::sign);
  set_unary<T, square<T>, Light>(table, E::square);
  set_unary<T, relu<T>, Light>(table, E::relu);
  set_binary<T, add<T>, Light>(table, E::add);
  set_binary<T, sub<T>, Light>(table, E::sub);
  set_binary<T, mul<T>, Light>(table, E::mul);
}

template <class T, T (*kQuick)(T, T), T (*kLong)(T, T)>
void set_division(Table& table, Elementwise op) {
  using Op = LongBinary<T, kQuick, kLong, vec::is_long_division<T>>;
  table.elementwise[static_cast<int>(op)][kTypeOf<T>] = binary_loop<Op, kBlockLanes<T>, T, T, T>;
}

template <class T>
void fill_floating(Table& table) {
  using E = Elementwise;
  set_unary<T, vec::abs<T>, Light>(table, E::abs);
  set_unary<T, vec::floor, Light>(table, E::floor);
  set_unary<T, vec::ceil, Light>(table, E::ceil);
  set_unary<T, vec::round_even, Light>(table, E::round);
  set_unary<T, vec::trunc, Light>(table, E::trunc);
  set_unary<T, vec::sqrt, Light>(table, E::sqrt);
  set_unary<T, rsqrt<T>, Light>(table, E::rsqrt);
  set_unary<T, reciprocal<T>, Light>(table, E::reciprocal);
  set_binary<T, div<T>, Light>(table, E::div);
  set_division<T, vec::floor_divide<T>, vec::floor_divide_long<T>>(table, E::floor_divide);
  set_division<T, vec::remainder<T>, vec::remainder_long<T>>(table, E::remainder);
  set_division<T, vec::fmod<T>, vec::fmod_long<T>>(table, E::fmod);
  set_ternary<T, add_scaled_float<T>, Light>(table, E::add_scaled);
}

template <class T>
void fill_integer(Table& table) {
  using E = Elementwise;
  set_unary<T, integer_abs<T>, Light>(table, E::abs);
  constexpr E kWhole[] = {E::floor, E::ceil, E::round, E::trunc};
  for (E op : kWhole) set_unary<T, copy<T>, Light>(table, op);
  set_binary<T, vec::integer_floor_divide<T>>(table, E::floor_divide);
  set_binary<T, vec::integer_remainder<T>>(table, E::remainder);
  set_binary<T, vec::integer_fmod<T>>(table, E::fmod);
  set_binary<T, vec::integer_pow<T>>(table, E::pow);
  set_ternary<T, add_scaled<T>, Light>(table, E::add_scaled);
}

// Memory from outside may hold other bytes than 0 and 1.
uint8_t bool_or(uint8_t x, uint8_t y) { return (x | y) != 0; }
uint8_t bool_and(uint8_t x, uint8_t y) { return (x != 0) & (y != 0); }

}  // namespace

void STEEP_FILL(elementwise_arithmetic)(Table& table) {
  fill_all<float>(table), fill_floating<float>(table);
  fill_all<double>(table), fill_floating<double>(table);
  fill_all<int64_t>(table), fill_integer<int64_t>(table);
  fill_all<int32_t>(table), fill_integer<int32_t>(table);
  fill_all<uint8_t>(table), fill_integer<uint8_t>(table);
  const auto set_bool = [&table](Elementwise op, Loop loop) {
    table.elementwise[static_cast<int>(op)][kBool] = loop;
  };
  constexpr int kLanes = kBlockLanes<uint8_t>;
  using Byte = uint8_t;
  set_bool(Elementwise::copy, unary_loop<Unary<Light, Byte, Byte, copy<Byte>>, kLanes, Byte, Byte>);
  set_bool(Elementwise::add,
           binary_loop<Binary<Light, Byte, Byte, bool_or>, kLanes, Byte, Byte, Byte>);
  set_bool(Elementwise::mul,
           binary_loop<Binary<Light, Byte, Byte, bool_and>, kLanes, Byte, Byte, Byte>);
}

}  // namespace steep::kernels
