#include "kernels/elementwise/math.h"

#include "kernels/elementwise/arithmetic.h"
#include "kernels/elementwise/loops.h"
#include "kernels/simd/vecmath.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kExp2 = elementwise("exp2", 12);
Kernel kExpm1 = elementwise("expm1", 16);
Kernel kLog = elementwise("log", 14);
Kernel kLog2 = elementwise("log2", 14);
Kernel kLog10 = elementwise("log10", 14);
Kernel kLog1p = elementwise("log1p", 16);
Kernel kSin = elementwise("sin", 20);
Kernel kCos = elementwise("cos", 20);
Kernel kTan = elementwise("tan", 30);
Kernel kAsin = elementwise("asin", 20);
Kernel kAcos = elementwise("acos", 20);
Kernel kAtan = elementwise("atan", 20);
Kernel kSinh = elementwise("sinh", 20);
Kernel kCosh = elementwise("cosh", 20);
Kernel kErf = elementwise("erf", 20);
Kernel kErfc = elementwise("erfc", 30);
Kernel kSoftplus = elementwise("softplus", 30);
Kernel kAtan2 = elementwise("atan2", 40);
#endif

namespace {

template <class T, T (*kFunction)(T), T (*kLong)(T)>
void set_angle(Kernel& kernel) {
  using Op = LongUnary<T, kFunction, kLong, vec::is_long_angle<T>>;
  set_loop<T>(kernel, unary_loop<Op, kBlockLanes<T>, T, T>);
}

template <class T>
void fill() {
  set_unary<T, vec::exp2<T>>(kExp2);
  set_unary<T, vec::expm1<T>>(kExpm1);
  set_unary<T, vec::log<T>>(kLog);
  set_unary<T, vec::log2>(kLog2);
  set_unary<T, vec::log10>(kLog10);
  set_unary<T, vec::log1p<T>>(kLog1p);
  set_angle<T, vec::sin, vec::sin_long>(kSin);
  set_angle<T, vec::cos, vec::cos_long>(kCos);
  set_angle<T, vec::tan, vec::tan_long>(kTan);
  set_unary<T, vec::asin<T>>(kAsin);
  set_unary<T, vec::acos<T>>(kAcos);
  set_unary<T, vec::atan<T>>(kAtan);
  set_unary<T, vec::sinh<T>>(kSinh);
  set_unary<T, vec::cosh<T>>(kCosh);
  set_unary<T, vec::erf<T>>(kErf);
  set_unary<T, vec::erfc<T>>(kErfc);
  set_unary<T, vec::softplus<T>>(kSoftplus);
  set_binary<T, vec::pow<T>>(kPow);
  set_binary<T, vec::atan2<T>>(kAtan2);
}

}  // namespace

void STEEP_FILL(elementwise_math)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
