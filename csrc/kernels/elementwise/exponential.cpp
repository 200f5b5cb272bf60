// The exponential and what is made of it in blocks (simd/vec_blocks.h): handles in math.h and
// activation.h.
#include "kernels/elementwise/activation.h"
#include "kernels/elementwise/loops.h"
#include "kernels/elementwise/math.h"
#include "kernels/simd/vec_blocks.h"
#include "kernels/simd/vecmath.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kExp = elementwise("exp", 6);
Kernel kTanh = elementwise("tanh", 10);
Kernel kSigmoid = elementwise("sigmoid", 10);
Kernel kSilu = elementwise("silu", 10);
Kernel kGeluTanh = elementwise("gelu_tanh", 12);
#endif

namespace {

using vec::mul_add;

template <class T>
STEEP_INLINE T silu(T x) {
  return x * vec::sigmoid(x);
}
template <class T>
STEEP_INLINE void silu_block(T* out, const T* x) {
  T s[kVecBlock<T>];
  sigmoid_block(s, x);
#pragma omp simd
  for (int i = 0; i < kVecBlock<T>; ++i) out[i] = x[i] * s[i];
}
// x (1 + tanh(u)) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
template <class T>
STEEP_INLINE T gelu_inner(T x) {
  constexpr T kTwice = T(1.5957691216057308), kCube = T(0.044715);
  return kTwice * mul_add(kCube * x, x * x, x);
}
template <class T>
STEEP_INLINE T gelu_tanh(T x) {
  return x * vec::sigmoid(gelu_inner(x));
}
template <class T>
STEEP_INLINE void gelu_tanh_block(T* out, const T* x) {
  T s[kVecBlock<T>];
#pragma omp simd
  for (int i = 0; i < kVecBlock<T>; ++i) s[i] = gelu_inner(x[i]);
  sigmoid_block(s, s);
#pragma omp simd
  for (int i = 0; i < kVecBlock<T>; ++i) out[i] = x[i] * s[i];
}

template <class T>
void fill() {
  constexpr int kSize = kVecBlock<T>;
  using Exp = InBlocks<LongUnary<T, vec::exp_near<T>, vec::exp<T>, vec::is_far<T>>, T, kSize,
                       exp_near_block<T>>;
  set_loop<T>(kExp, unary_loop<Exp, kBlockLanes<T>, T, T>);
  set_blocks<T, vec::tanh<T>, kSize, tanh_block<T>>(kTanh);
  set_blocks<T, vec::sigmoid<T>, kSize, sigmoid_block<T>>(kSigmoid);
  set_blocks<T, silu<T>, kSize, silu_block<T>>(kSilu);
  set_blocks<T, gelu_tanh<T>, kSize, gelu_tanh_block<T>>(kGeluTanh);
}

}  // namespace

void STEEP_FILL(elementwise_exponential)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
