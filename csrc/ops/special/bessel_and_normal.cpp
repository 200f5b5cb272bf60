// Bessel functions and the normal distribution's tails, with gradients.
#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/registry.h"
#include "ops/special/elements.h"
#include "ops/special/scalar.h"

namespace steep::ops {

namespace {

constexpr Kernel kI0 = kernel_of_one<scalar::i0>("i0"), kI1 = kernel_of_one<scalar::i1>("i1");
constexpr Kernel kI0e = kernel_of_one<scalar::i0e>("i0e"), kI1e = kernel_of_one<scalar::i1e>("i1e");
constexpr Kernel kErfcx = kernel_of_one<scalar::erfcx>("erfcx");
constexpr Kernel kLogNdtr = kernel_of_one<scalar::log_ndtr>("log_ndtr");
constexpr Kernel kNdtri = kernel_of_one<scalar::ndtri>("ndtri");

// slope(x, out) is the derivative.
template <class Slope>
Tensor function(const Kernel& kernel, const Tensor& x, Slope slope) {
  Tensor out = of_elements(kernel, x);
  if (wanted(x)) {
    record(kernel.name, out, {x},
           [slope, x = Saved(x), out = Saved::output(out)](const Tensor& grad, Grads& grads) {
             grads[0] = mul(grad, slope(x.get(), out.get()));
           });
  }
  return out;
}

Tensor less(const Tensor& x, const Tensor& y) { return sub({x, {}}, {y, {}}, 1); }

// i1(x) / x and its like: 1/2 at 0. A number in place of 0 keeps the quotient's slopes finite.
Tensor over(const Tensor& out, const Tensor& x) {
  const Tensor zero = eq({x, {}}, {{}, 0});
  const Tensor ratio = div(out, where(zero, TensorOrNumber{{}, 1.0}, {x, {}}));
  return where(zero, TensorOrNumber{{}, 0.5}, {ratio, {}});
}

Tensor i1(const Tensor& x);
Tensor i1e(const Tensor& x);
Tensor i0(const Tensor& x) {
  return function(kI0, x, [](const Tensor& x, const Tensor&) { return i1(x); });
}
Tensor i1(const Tensor& x) {
  return function(kI1, x,
                  [](const Tensor& x, const Tensor& out) { return less(i0(x), over(out, x)); });
}
Tensor i0e(const Tensor& x) {
  return function(
      kI0e, x, [](const Tensor& x, const Tensor& out) { return less(i1e(x), mul(sign(x), out)); });
}
Tensor i1e(const Tensor& x) {
  return function(kI1e, x, [](const Tensor& x, const Tensor& out) {
    return less(less(i0e(x), mul(sign(x), out)), over(out, x));
  });
}

Tensor erfcx(const Tensor& x) {
  return function(kErfcx, x, [](const Tensor& x, const Tensor& out) {
    return sub({mul(mul(x, out), Number(2)), {}}, {{}, 1.1283791670955126}, 1);  // 2 / sqrt(pi)
  });
}
Tensor log_ndtr(const Tensor& x) {
  return function(kLogNdtr, x, [](const Tensor& x, const Tensor&) {
    const Tensor ratio = erfcx(mul(x, Number(-0.7071067811865476)));
    return div({{}, 0.7978845608028654}, {ratio, {}});  // sqrt(2 / pi)
  });
}
Tensor ndtri(const Tensor& x) {
  return function(kNdtri, x, [](const Tensor&, const Tensor& out) {
    return mul(exp(mul(mul(out, out), Number(0.5))), Number(2.5066282746310002));  // sqrt(2 pi)
  });
}

constexpr const char* kUnary = "(input: Tensor) -> Tensor";

void register_bessel(Registry& registry) {
  registry.add<&i0>("i0", kBoth | kOut, kUnary,
                    R"(Modified Bessel function of the first kind and order 0 of each element.

Shape: any, kept. Integers and bools give the default dtype. Abramowitz and Stegun, 1964, 9.6.

>>> steep.i0(steep.tensor([0.0, 1.0]))
tensor([1.0000, 1.2661])
)");
  registry.add_inplace<&i0>("i0_", kUnary, "In-place form of i0.", "i0");
  registry.add<&i0e>("special_i0e", kInternal | kOut, kUnary,
                     R"(exp(-|x|) i0(x) of each element.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.special.i0e(steep.tensor([0.0, 1.0]))
tensor([1.0000, 0.4658])
)");
  registry.add<&i1>("special_i1", kInternal | kOut, kUnary,
                    R"(Modified Bessel function of the first kind and order 1 of each element.

Shape: any, kept. Integers and bools give the default dtype. Abramowitz and Stegun, 1964, 9.6.

>>> steep.special.i1(steep.tensor([0.0, 1.0]))
tensor([0.0000, 0.5652])
)");
  registry.add<&i1e>("special_i1e", kInternal | kOut, kUnary,
                     R"(exp(-|x|) i1(x) of each element.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.special.i1e(steep.tensor([0.0, 1.0]))
tensor([0.0000, 0.2079])
)");
}

void register_normal(Registry& registry) {
  registry.add<&erfcx>("special_erfcx", kInternal | kOut, kUnary,
                       R"(exp(x**2) erfc(x) of each element.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.special.erfcx(steep.tensor([0.0, 10.0]))
tensor([1.0000, 0.0561])
)");
  registry.add<&log_ndtr>("special_log_ndtr", kInternal | kOut, kUnary,
                          R"(Logarithm of the normal distribution function at each element.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.special.log_ndtr(steep.tensor([0.0, -40.0]))
tensor([-6.9315e-01, -8.0461e+02])
)");
  registry.add<&ndtri>(
      "special_ndtri", kInternal | kOut, kUnary,
      R"(The value up to which a share of a normal distribution lies, of each element.

Shape: any, kept. nan outside of [0, 1]. Integers and bools give the default dtype.

>>> steep.special.ndtri(steep.tensor([0.5, 0.975]))
tensor([0.0000, 1.9600])
)");
}

void register_functions(Registry& registry) {
  register_bessel(registry);
  register_normal(registry);
}

const Registration registered("special", register_functions);

}  // namespace

}  // namespace steep::ops
