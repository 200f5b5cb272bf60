// Elementwise loops of the vector mathematics: float32 and float64.
#include "kernels/elementwise/loops.h"
#include "kernels/simd/vec_blocks.h"
#include "kernels/simd/vecmath.h"

namespace steep::kernels {
namespace {

template <class T, T (*kFunction)(T), T (*kLong)(T)>
void set_angle(Table& table, Elementwise op) {
  using Op = LongUnary<T, kFunction, kLong, vec::is_long_angle<T>>;
  table.elementwise[static_cast<int>(op)][kTypeOf<T>] = unary_loop<Op, kBlockLanes<T>, T, T>;
}

template <class T>
void fill(Table& table) {
  using E = Elementwise;
  constexpr int kSize = kVecBlock<T>;
  using Exp = InBlocks<LongUnary<T, vec::exp_near<T>, vec::exp<T>, vec::is_far<T>>, T, kSize,
                       exp_near_block<T>>;
  table.elementwise[static_cast<int>(E::exp)][kTypeOf<T>] = unary_loop<Exp, kBlockLanes<T>, T, T>;
  set_unary<T, vec::exp2<T>>(table, E::exp2);
  set_unary<T, vec::expm1<T>>(table, E::expm1);
  set_unary<T, vec::log<T>>(table, E::log);
  set_unary<T, vec::log2>(table, E::log2);
  set_unary<T, vec::log10>(table, E::log10);
  set_unary<T, vec::log1p<T>>(table, E::log1p);
  set_angle<T, vec::sin, vec::sin_long>(table, E::sin);
  set_angle<T, vec::cos, vec::cos_long>(table, E::cos);
  set_angle<T, vec::tan, vec::tan_long>(table, E::tan);
  set_unary<T, vec::asin<T>>(table, E::asin);
  set_unary<T, vec::acos<T>>(table, E::acos);
  set_unary<T, vec::atan<T>>(table, E::atan);
  set_unary<T, vec::sinh<T>>(table, E::sinh);
  set_unary<T, vec::cosh<T>>(table, E::cosh);
  set_blocks<T, vec::tanh<T>, kSize, tanh_block<T>>(table, E::tanh);
  set_blocks<T, vec::sigmoid<T>, kSize, sigmoid_block<T>>(table, E::sigmoid);
  set_unary<T, vec::erf<T>>(table, E::erf);
  set_unary<T, vec::erfc<T>>(table, E::erfc);
  set_unary<T, vec::softplus<T>>(table, E::softplus);
  set_binary<T, vec::pow<T>>(table, E::pow);
  set_binary<T, vec::atan2<T>>(table, E::atan2);
}

}  // namespace

void STEEP_FILL(elementwise_math)(Table& table) {
  fill<float>(table);
  fill<double>(table);
}

}  // namespace steep::kernels
