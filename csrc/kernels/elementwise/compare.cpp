// Elementwise comparisons, tests, logic, bit operations, and the choices made by them.
#include "kernels/elementwise/loops.h"

namespace steep::kernels {
namespace {

template <class T>
STEEP_INLINE bool isnan(T x) {
  return x != x;
}
template <class T>
STEEP_INLINE bool isinf(T x) {
  return vec::abs(x) == vec::infinity<T>();
}
template <class T>
STEEP_INLINE bool isfinite(T x) {
  return vec::abs(x) < vec::infinity<T>();
}
template <class T>
STEEP_INLINE bool never(T) {
  return false;
}
template <class T>
STEEP_INLINE bool always(T) {
  return true;
}
template <class T>
STEEP_INLINE bool logical_not(T x) {
  return x == T(0);
}

template <class T>
STEEP_INLINE bool eq(T x, T y) {
  return x == y;
}
template <class T>
STEEP_INLINE bool ne(T x, T y) {
  return x != y;
}
template <class T>
STEEP_INLINE bool lt(T x, T y) {
  return x < y;
}
template <class T>
STEEP_INLINE bool le(T x, T y) {
  return x <= y;
}
template <class T>
STEEP_INLINE bool gt(T x, T y) {
  return x > y;
}
template <class T>
STEEP_INLINE bool ge(T x, T y) {
  return x >= y;
}
template <class T>
STEEP_INLINE bool logical_and(T x, T y) {
  return (x != T(0)) & (y != T(0));
}
template <class T>
STEEP_INLINE bool logical_or(T x, T y) {
  return (x != T(0)) | (y != T(0));
}
template <class T>
STEEP_INLINE bool logical_xor(T x, T y) {
  return (x != T(0)) ^ (y != T(0));
}

// A NaN on either side is the outcome.
template <class T>
STEEP_INLINE T maximum(T x, T y) {
  const T larger = x > y ? x : y;
  return x != x ? x : larger;
}
template <class T>
STEEP_INLINE T minimum(T x, T y) {
  const T smaller = x < y ? x : y;
  return x != x ? x : smaller;
}
template <class T>
STEEP_INLINE T clamp(T x, T low, T high) {
  return minimum(maximum(x, low), high);
}

template <class T>
STEEP_INLINE T bitwise_not(T x) {
  return static_cast<T>(~x);
}
template <class T>
STEEP_INLINE T bitwise_and(T x, T y) {
  return x & y;
}
template <class T>
STEEP_INLINE T bitwise_or(T x, T y) {
  return x | y;
}
template <class T>
STEEP_INLINE T bitwise_xor(T x, T y) {
  return x ^ y;
}

// Shifts by as many bits as the type has, or by a negative number, move all bits out.
template <class T>
STEEP_INLINE bool within_bits(T y) {
  return (y >= T(0)) & (y < static_cast<T>(8 * sizeof(T)));
}
template <class T>
STEEP_INLINE T bitwise_left_shift(T x, T y) {
  const uint64_t moved = static_cast<uint64_t>(x) << (within_bits(y) ? y : T(0));
  return within_bits(y) ? static_cast<T>(moved) : T(0);
}
template <class T>
STEEP_INLINE T bitwise_right_shift(T x, T y) {
  constexpr T kLast = static_cast<T>(8 * sizeof(T) - 1);
  const T moved = static_cast<T>(x >> (within_bits(y) ? y : kLast));
  return (within_bits(y) | (x < T(0))) ? moved : T(0);
}

// The choice moves bits, whatever they mean.
template <class T>
struct Where : Light {
  static STEEP_INLINE T apply(uint8_t condition, T x, T y) { return condition ? x : y; }
};
template <class Bits>
void set_where(Table& table, Type type) {
  table.elementwise[static_cast<int>(Elementwise::where)][type] =
      ternary_loop<Where<Bits>, kBlockLanes<Bits>, Bits, uint8_t, Bits, Bits>;
}

template <class T>
void fill_all(Table& table) {
  using E = Elementwise;
  set_test<T, logical_not<T>>(table, E::logical_not);
  set_relation<T, eq<T>>(table, E::eq);
  set_relation<T, ne<T>>(table, E::ne);
  set_relation<T, lt<T>>(table, E::lt);
  set_relation<T, le<T>>(table, E::le);
  set_relation<T, gt<T>>(table, E::gt);
  set_relation<T, ge<T>>(table, E::ge);
  set_relation<T, logical_and<T>>(table, E::logical_and);
  set_relation<T, logical_or<T>>(table, E::logical_or);
  set_relation<T, logical_xor<T>>(table, E::logical_xor);
  set_binary<T, maximum<T>, Light>(table, E::maximum);
  set_binary<T, minimum<T>, Light>(table, E::minimum);
  set_ternary<T, clamp<T>, Light>(table, E::clamp);
}

template <class T>
void fill_floating(Table& table) {
  using E = Elementwise;
  set_test<T, isnan<T>>(table, E::isnan);
  set_test<T, isinf<T>>(table, E::isinf);
  set_test<T, isfinite<T>>(table, E::isfinite);
}

template <class T>
void fill_integer(Table& table) {
  using E = Elementwise;
  set_test<T, never<T>>(table, E::isnan);
  set_test<T, never<T>>(table, E::isinf);
  set_test<T, always<T>>(table, E::isfinite);
  set_unary<T, bitwise_not<T>, Light>(table, E::bitwise_not);
  set_binary<T, bitwise_and<T>, Light>(table, E::bitwise_and);
  set_binary<T, bitwise_or<T>, Light>(table, E::bitwise_or);
  set_binary<T, bitwise_xor<T>, Light>(table, E::bitwise_xor);
  set_binary<T, bitwise_left_shift<T>, Light>(table, E::bitwise_left_shift);
  set_binary<T, bitwise_right_shift<T>, Light>(table, E::bitwise_right_shift);
}

// Orders of truths: false lies below true.
using Byte = uint8_t;
STEEP_INLINE bool same_truth(Byte x, Byte y) { return (x != 0) == (y != 0); }
STEEP_INLINE bool below(Byte x, Byte y) { return (x == 0) & (y != 0); }
STEEP_INLINE bool not_above(Byte x, Byte y) { return (x == 0) | (y != 0); }
STEEP_INLINE bool above(Byte x, Byte y) { return (x != 0) & (y == 0); }
STEEP_INLINE bool not_below(Byte x, Byte y) { return (x != 0) | (y == 0); }

template <bool (*kRelation)(Byte, Byte)>
constexpr Loop truth_loop() {
  return binary_loop<Binary<Light, bool, Byte, kRelation>, kBlockLanes<Byte>, Byte, Byte, Byte>;
}

// A bool is a byte, true where it is not 0: memory from outside may hold other bytes than 0 and 1.
void fill_bool(Table& table) {
  using E = Elementwise;
  constexpr struct {
    E op, of_bytes;
  } kAsBytes[] = {{E::logical_not, E::logical_not},
                  {E::isnan, E::isnan},
                  {E::isinf, E::isinf},
                  {E::isfinite, E::isfinite},
                  {E::logical_and, E::logical_and},
                  {E::logical_or, E::logical_or},
                  {E::logical_xor, E::logical_xor},
                  {E::ne, E::logical_xor},
                  {E::maximum, E::logical_or},
                  {E::minimum, E::logical_and},
                  {E::bitwise_and, E::logical_and},
                  {E::bitwise_or, E::logical_or},
                  {E::bitwise_xor, E::logical_xor},
                  {E::bitwise_not, E::logical_not}};
  for (const auto& [op, of_bytes] : kAsBytes)
    table.elementwise[static_cast<int>(op)][kBool] =
        table.elementwise[static_cast<int>(of_bytes)][kUInt8];
  const auto set = [&table](E op, Loop loop) {
    table.elementwise[static_cast<int>(op)][kBool] = loop;
  };
  set(E::eq, truth_loop<same_truth>());
  set(E::lt, truth_loop<below>());
  set(E::le, truth_loop<not_above>());
  set(E::gt, truth_loop<above>());
  set(E::ge, truth_loop<not_below>());
}

}  // namespace

void STEEP_FILL(elementwise_compare)(Table& table) {
  fill_all<float>(table), fill_floating<float>(table);
  fill_all<double>(table), fill_floating<double>(table);
  fill_all<int64_t>(table), fill_integer<int64_t>(table);
  fill_all<int32_t>(table), fill_integer<int32_t>(table);
  fill_all<uint8_t>(table), fill_integer<uint8_t>(table);
  fill_bool(table);
  set_where<uint32_t>(table, kFloat32), set_where<uint32_t>(table, kInt32);
  set_where<uint64_t>(table, kFloat64), set_where<uint64_t>(table, kInt64);
  set_where<uint8_t>(table, kUInt8), set_where<uint8_t>(table, kBool);
}

}  // namespace steep::kernels
