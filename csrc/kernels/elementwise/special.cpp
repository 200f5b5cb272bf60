#include "kernels/elementwise/special.h"

#include "kernels/elementwise/loops.h"
#include "kernels/simd/vecmath.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kAsinh = elementwise("asinh", 30);
Kernel kAcosh = elementwise("acosh", 30);
Kernel kAtanh = elementwise("atanh", 24);
Kernel kErfinv = elementwise("erfinv", 90);
Kernel kHypot = elementwise("hypot", 8);
Kernel kCopysign = elementwise("copysign");
Kernel kXlogy = elementwise("xlogy", 16);
Kernel kLogaddexp = elementwise("logaddexp", 30);
Kernel kLerp = elementwise("lerp", 4);
#endif

namespace {

// Beyond it 1 is lost in a square.
template <class T>
constexpr T kFar = sizeof(T) == 4 ? T(1e4) : T(1e8);
template <class T>
constexpr T kLn2 = T(0.6931471805599453);

template <class T>
STEEP_INLINE T asinh(T x) {
  const T a = vec::abs(x), square = a * a;
  const T near = vec::log1p(a + square / (T(1) + vec::sqrt(T(1) + square)));
  const T far = vec::log(a) + kLn2<T>;
  return vec::copysign(a > kFar<T> ? far : near, x);
}

template <class T>
STEEP_INLINE T acosh(T x) {
  const T above = x - T(1);
  const T near = vec::log1p(above + vec::sqrt(above * above + T(2) * above));
  const T far = vec::log(x) + kLn2<T>;
  const T inside = x > kFar<T> ? far : near;
  return x < T(1) ? vec::nan<T>() : inside;
}

template <class T>
STEEP_INLINE T atanh(T x) {
  const T a = vec::abs(x);
  return vec::copysign(T(0.5) * vec::log1p((a + a) / (T(1) - a)), x);
}

// Giles, "Approximating the erfinv function" (GPU Computing Gems, 2011), then a step of Halley's
// method. Where x is near 1 the step goes by erfc, in which nothing cancels.
template <class T>
STEEP_INLINE T erfinv(T x) {
  const T a = vec::abs(x);
  const T w = -vec::log((T(1) - a) * (T(1) + a));
  const T p = w - T(2.5), q = vec::sqrt(w) - T(3);
  T central = T(2.81022636e-08), tail = T(-0.000200214257);
  const T of_central[] = {T(3.43273939e-07), T(-3.5233877e-06), T(-4.39150654e-06),
                          T(0.00021858087),  T(-0.00125372503), T(-0.00417768164),
                          T(0.246640727),    T(1.50140941)};
  const T of_tail[] = {T(0.000100950558), T(0.00134934322), T(-0.00367342844), T(0.00573950773),
                       T(-0.0076224613),  T(0.00943887047), T(1.00167406),     T(2.83297682)};
  for (int i = 0; i < 8; ++i) {
    central = central * p + of_central[i];
    tail = tail * q + of_tail[i];
  }
  const T y = a * (w < T(5) ? central : tail);
  const T missed = a < T(0.5) ? vec::erf(y) - a : (T(1) - a) - vec::erfc(y);
  const T step = missed * T(0.886226925452758) * vec::exp(y * y);
  const T root = y - step / (T(1) + y * step);
  const T at_one = a == T(1) ? vec::infinity<T>() : vec::nan<T>();
  return vec::copysign(a < T(1) ? root : at_one, x);
}

template <class T>
STEEP_INLINE T hypot(T x, T y) {
  const T a = vec::abs(x), b = vec::abs(y);
  const T large = a > b ? a : b, small = a > b ? b : a;
  const T ratio = small / large, length = large * vec::sqrt(T(1) + ratio * ratio);
  const T finite = large == T(0) ? T(0) : length;
  const bool infinite = (a == vec::infinity<T>()) | (b == vec::infinity<T>());
  const T known = infinite ? vec::infinity<T>() : finite;
  return (!infinite) & ((x != x) | (y != y)) ? vec::nan<T>() : known;
}

template <class T>
STEEP_INLINE T copysign(T x, T y) {
  return vec::copysign(x, y);
}

template <class T>
STEEP_INLINE T xlogy(T x, T y) {
  const T product = x * vec::log(y);
  return (x == T(0)) & (y == y) ? T(0) : product;
}

template <class T>
STEEP_INLINE T logaddexp(T x, T y) {
  const T large = x > y ? x : y;
  const T apart = large + vec::log1p(vec::exp(-vec::abs(x - y)));
  const T sum = x == y ? large + kLn2<T> : apart;
  return (x != x) | (y != y) ? vec::nan<T>() : sum;
}

// From the nearer end, so that weights of 0 and 1 give the ends themselves.
template <class T>
STEEP_INLINE T lerp(T x, T end, T weight) {
  const T way = end - x;
  const T from_start = x + weight * way, from_end = end - way * (T(1) - weight);
  return vec::abs(weight) < T(0.5) ? from_start : from_end;
}

template <class T>
void fill() {
  set_unary<T, asinh<T>>(kAsinh);
  set_unary<T, acosh<T>>(kAcosh);
  set_unary<T, atanh<T>>(kAtanh);
  set_unary<T, erfinv<T>>(kErfinv);
  set_binary<T, hypot<T>, Light>(kHypot);
  set_binary<T, copysign<T>, Light>(kCopysign);
  set_binary<T, xlogy<T>>(kXlogy);
  set_binary<T, logaddexp<T>>(kLogaddexp);
  set_ternary<T, lerp<T>, Light>(kLerp);
}

}  // namespace

void STEEP_FILL(elementwise_special)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
