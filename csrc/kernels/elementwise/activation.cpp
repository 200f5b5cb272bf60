#include "kernels/elementwise/activation.h"

#include "kernels/elementwise/loops.h"
#include "kernels/simd/vecmath.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kRelu = elementwise("relu");
Kernel kGelu = elementwise("gelu", 24);
Kernel kHardswish = elementwise("hardswish", 5);
Kernel kMish = elementwise("mish", 20);
Kernel kLeakyRelu = elementwise("leaky_relu");
Kernel kElu = elementwise("elu", 16);
Kernel kTanhBackward = elementwise("tanh_backward", 3);
Kernel kSigmoidBackward = elementwise("sigmoid_backward", 3);
Kernel kReluBackward = elementwise("relu_backward");
Kernel kRelu6Backward = elementwise("relu6_backward");
Kernel kHardswishBackward = elementwise("hardswish_backward", 3);
Kernel kMishBackward = elementwise("mish_backward", 26);
Kernel kLeakyReluBackward = elementwise("leaky_relu_backward");
Kernel kEluBackward = elementwise("elu_backward", 3);
Kernel kSquaredErrorBackward = elementwise("squared_error_backward", 2);
Kernel kSiluBackward = elementwise("silu_backward", 20);
Kernel kGeluBackward = elementwise("gelu_backward", 40);
#endif

namespace {

using vec::mul_add;

template <class T>
STEEP_INLINE T relu(T x) {
  return x < T(0) ? T(0) : x;  // NaN and -0 stay
}

template <class T>
STEEP_INLINE T gelu(T x) {
  return x * vec::normal(x).chance;
}
template <class T>
STEEP_INLINE T leaky_relu(T x, T slope) {
  return x > T(0) ? x : x * slope;
}
template <class T>
STEEP_INLINE T elu(T x, T alpha) {
  const T below = alpha * vec::expm1(x);
  return x > T(0) ? x : below;
}

template <class T>
STEEP_INLINE T hardswish(T x) {
  const T above = x + T(3) < T(0) ? T(0) : x + T(3);
  const T factor = x < T(-3) ? T(-3) : x;  // finite where the ramp is 0
  return factor * ((above > T(6) ? T(6) : above) / T(6));
}

// tanh(log(1 + e)) = n / (n + 2) with e = exp(x) and n = e (e + 2), in which nothing cancels.
template <class T>
struct Mish {
  T x, e, n;
};
template <class T>
STEEP_INLINE Mish<T> mish_parts(T x) {
  // Beyond these bounds all is as at infinity.
  constexpr T kMost = sizeof(T) == 4 ? T(20) : T(40);
  const T low = x < T(-1000) ? T(-1000) : x;
  const T at = low > kMost ? kMost : low;
  const T e = vec::exp(at);
  return {at, e, e * (e + T(2))};
}
template <class T>
STEEP_INLINE T mish(T x) {
  const Mish<T> at = mish_parts(x);
  const T factor = x < T(-1000) ? T(-1000) : x;
  return factor * (at.n / (at.n + T(2)));
}

template <class T>
STEEP_INLINE T tanh_backward(T grad, T out) {
  return grad * mul_add(-out, out, T(1));
}
template <class T>
STEEP_INLINE T sigmoid_backward(T grad, T out) {
  return grad * ((T(1) - out) * out);
}
template <class T>
STEEP_INLINE T relu_backward(T grad, T out) {
  return out <= T(0) ? T(0) : grad;
}
template <class T>
STEEP_INLINE T relu6_backward(T grad, T out) {
  const T below = out >= T(6) ? T(0) : grad;
  return out <= T(0) ? T(0) : below;
}
template <class T>
STEEP_INLINE T hardswish_backward(T grad, T x) {
  const T between = grad * (x / T(3) + T(0.5));
  const T rising = x < T(3) ? between : grad;
  return x <= T(-3) ? T(0) : rising;
}
// The slope is t + x sigmoid(x) (1 - t^2), t as above: (n (n + 2) + 4 x e (1 + e)) / (n + 2)^2.
template <class T>
STEEP_INLINE T mish_backward(T grad, T x) {
  const Mish<T> at = mish_parts(x);
  const T below = at.n + T(2);
  const T bend = T(4) * at.x * at.e * (T(1) + at.e);
  return grad * (mul_add(at.n, below, bend) / (below * below));
}
template <class T>
STEEP_INLINE T leaky_relu_backward(T grad, T x, T slope) {
  return x > T(0) ? grad : grad * slope;
}
template <class T>
STEEP_INLINE T elu_backward(T grad, T out, T alpha) {
  const T below = grad * (out + alpha);
  return out <= T(0) ? below : grad;
}
template <class T>
STEEP_INLINE T silu_backward(T grad, T x, T) {
  const T s = vec::sigmoid(x);
  return grad * (s * mul_add(x, T(1) - s, T(1)));
}
template <class T>
STEEP_INLINE T gelu_backward(T grad, T x, T) {
  constexpr T kInverseSqrt2Pi = T(0.3989422804014327);
  const vec::Normal<T> p = vec::normal(x);
  return grad * mul_add(x * kInverseSqrt2Pi, p.bell, p.chance);
}
template <class T>
STEEP_INLINE T squared_error_backward(T x, T y, T scale) {
  return scale * (x - y);
}

template <class T>
void fill() {
  set_unary<T, gelu<T>>(kGelu);
  set_unary<T, hardswish<T>, Light>(kHardswish);
  set_unary<T, mish<T>>(kMish);
  set_binary<T, leaky_relu<T>, Light>(kLeakyRelu);
  set_binary<T, elu<T>>(kElu);
  set_binary<T, tanh_backward<T>, Light>(kTanhBackward);
  set_binary<T, sigmoid_backward<T>, Light>(kSigmoidBackward);
  set_binary<T, relu_backward<T>, Light>(kReluBackward);
  set_binary<T, relu6_backward<T>, Light>(kRelu6Backward);
  set_binary<T, hardswish_backward<T>, Light>(kHardswishBackward);
  set_binary<T, mish_backward<T>>(kMishBackward);
  set_ternary<T, leaky_relu_backward<T>, Light>(kLeakyReluBackward);
  set_ternary<T, elu_backward<T>, Light>(kEluBackward);
  set_ternary<T, silu_backward<T>>(kSiluBackward);
  set_ternary<T, gelu_backward<T>>(kGeluBackward);
  set_ternary<T, squared_error_backward<T>, Light>(kSquaredErrorBackward);
}

}  // namespace

void STEEP_FILL(elementwise_activation)() {
  fill<float>();
  fill<double>();
  set_unary<float, relu<float>, Light>(kRelu);
  set_unary<double, relu<double>, Light>(kRelu);
  set_unary<int64_t, relu<int64_t>, Light>(kRelu);
  set_unary<int32_t, relu<int32_t>, Light>(kRelu);
  set_unary<uint8_t, relu<uint8_t>, Light>(kRelu);
}

}  // namespace steep::kernels
