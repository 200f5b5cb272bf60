#include "kernels/elementwise/compare.h"

#include "kernels/elementwise/loops.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kBitwiseNot = elementwise("bitwise_not");
Kernel kLogicalNot = elementwise("logical_not");
Kernel kIsnan = elementwise("isnan");
Kernel kIsinf = elementwise("isinf");
Kernel kIsfinite = elementwise("isfinite");
Kernel kMaximum = elementwise("maximum");
Kernel kMinimum = elementwise("minimum");
Kernel kBitwiseAnd = elementwise("bitwise_and");
Kernel kBitwiseOr = elementwise("bitwise_or");
Kernel kBitwiseXor = elementwise("bitwise_xor");
Kernel kBitwiseLeftShift = elementwise("bitwise_left_shift");
Kernel kBitwiseRightShift = elementwise("bitwise_right_shift");
Kernel kEq = elementwise("eq");
Kernel kNe = elementwise("ne");
Kernel kLt = elementwise("lt");
Kernel kLe = elementwise("le");
Kernel kGt = elementwise("gt");
Kernel kGe = elementwise("ge");
Kernel kLogicalAnd = elementwise("logical_and");
Kernel kLogicalOr = elementwise("logical_or");
Kernel kLogicalXor = elementwise("logical_xor");
Kernel kClamp = elementwise("clamp", 2);
Kernel kWhere = elementwise("where");
#endif

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
template <class T, class Bits>
void set_where() {
  set_loop<T>(kWhere, ternary_loop<Where<Bits>, kBlockLanes<Bits>, Bits, uint8_t, Bits, Bits>);
}

template <class T>
void fill_all() {
  set_test<T, logical_not<T>>(kLogicalNot);
  set_relation<T, eq<T>>(kEq);
  set_relation<T, ne<T>>(kNe);
  set_relation<T, lt<T>>(kLt);
  set_relation<T, le<T>>(kLe);
  set_relation<T, gt<T>>(kGt);
  set_relation<T, ge<T>>(kGe);
  set_relation<T, logical_and<T>>(kLogicalAnd);
  set_relation<T, logical_or<T>>(kLogicalOr);
  set_relation<T, logical_xor<T>>(kLogicalXor);
  set_binary<T, maximum<T>, Light>(kMaximum);
  set_binary<T, minimum<T>, Light>(kMinimum);
  set_ternary<T, clamp<T>, Light>(kClamp);
}

template <class T>
void fill_floating() {
  set_test<T, isnan<T>>(kIsnan);
  set_test<T, isinf<T>>(kIsinf);
  set_test<T, isfinite<T>>(kIsfinite);
}

template <class T>
void fill_integer() {
  set_test<T, never<T>>(kIsnan);
  set_test<T, never<T>>(kIsinf);
  set_test<T, always<T>>(kIsfinite);
  set_unary<T, bitwise_not<T>, Light>(kBitwiseNot);
  set_binary<T, bitwise_and<T>, Light>(kBitwiseAnd);
  set_binary<T, bitwise_or<T>, Light>(kBitwiseOr);
  set_binary<T, bitwise_xor<T>, Light>(kBitwiseXor);
  set_binary<T, bitwise_left_shift<T>, Light>(kBitwiseLeftShift);
  set_binary<T, bitwise_right_shift<T>, Light>(kBitwiseRightShift);
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
void fill_bool() {
  const struct {
    Kernel *kernel, *of_bytes;
  } as_bytes[] = {
      {&kLogicalNot, &kLogicalNot}, {&kIsnan, &kIsnan},           {&kIsinf, &kIsinf},
      {&kIsfinite, &kIsfinite},     {&kLogicalAnd, &kLogicalAnd}, {&kLogicalOr, &kLogicalOr},
      {&kLogicalXor, &kLogicalXor}, {&kNe, &kLogicalXor},         {&kMaximum, &kLogicalOr},
      {&kMinimum, &kLogicalAnd},    {&kBitwiseAnd, &kLogicalAnd}, {&kBitwiseOr, &kLogicalOr},
      {&kBitwiseXor, &kLogicalXor}, {&kBitwiseNot, &kLogicalNot}};
  for (const auto& [kernel, of_bytes] : as_bytes)
    set_loop<bool>(*kernel, of_bytes->loops.at[kTypeIndex<uint8_t>]);
  set_loop<bool>(kEq, truth_loop<same_truth>());
  set_loop<bool>(kLt, truth_loop<below>());
  set_loop<bool>(kLe, truth_loop<not_above>());
  set_loop<bool>(kGt, truth_loop<above>());
  set_loop<bool>(kGe, truth_loop<not_below>());
}

}  // namespace

void STEEP_FILL(elementwise_compare)() {
  fill_all<float>(), fill_floating<float>();
  fill_all<double>(), fill_floating<double>();
  fill_all<int64_t>(), fill_integer<int64_t>();
  fill_all<int32_t>(), fill_integer<int32_t>();
  fill_all<uint8_t>(), fill_integer<uint8_t>();
  fill_bool();
  set_where<float, uint32_t>(), set_where<int32_t, uint32_t>();
  set_where<double, uint64_t>(), set_where<int64_t, uint64_t>();
  set_where<uint8_t, uint8_t>(), set_where<bool, uint8_t>();
}

}  // namespace steep::kernels
