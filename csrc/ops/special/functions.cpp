// The gamma function's family, with gradients.
#include <cmath>

#include "kernels/elementwise/gamma.h"
#include "ops/elementwise/math.h"
#include "ops/elementwise/rules.h"
#include "ops/registry.h"
#include "ops/special/elements.h"
#include "ops/special/scalar.h"
#include "ops/special/special.h"

namespace steep::ops {

namespace {

// (-1)^(n + 1) n! zeta(n + 1, x) (Abramowitz and Stegun 6.4.10).
double polygamma_of(double x, int64_t n) {
  if (std::isnan(x)) return x;
  if (n == 1) return scalar::trigamma(x);
  double factor = n % 2 == 0 ? -1 : 1;
  for (int64_t k = 2; k <= n && std::isfinite(factor); ++k) factor *= static_cast<double>(k);
  return factor * scalar::zeta(static_cast<double>(n) + 1, x);
}
constexpr Kernel kPolygamma = program::host_kernel(
    "polygamma", "wr",
    program::routines_for<float, double>(each_with_setting<float, polygamma_of>,
                                         each_with_setting<double, polygamma_of>));
constexpr Kernel kZeta = kernel_of_several<scalar::zeta>("zeta");
constexpr Kernel kIgamma = kernel_of_several<scalar::igamma>("igamma");
constexpr Kernel kIgammac = kernel_of_several<scalar::igammac>("igammac");
constexpr Kernel kGammaGrad =
    kernel_of_several<scalar::gamma_draw_slope, scalar::gamma_draw_slope_single>(
        "standard_gamma_grad");

double dirichlet_slope(double x, double alpha, double total) {
  return scalar::beta_draw_slope(alpha, total - alpha, x);
}
double dirichlet_slope_single(double x, double alpha, double total) {
  return scalar::beta_draw_slope_single(alpha, total - alpha, x);
}
constexpr Kernel kDirichletGrad =
    kernel_of_several<dirichlet_slope, dirichlet_slope_single>("dirichlet_grad");

Tensor polygamma(int64_t n, const Tensor& x) {
  if (n < 0)
    fail(ErrorKind::runtime, "polygamma",
         "an order that is not negative (polygamma(n, x) does not "
         "support negative n)",
         join(n));
  if (n == 0) return digamma(x);
  Tensor out = of_elements(kPolygamma, x, n);
  if (wanted(x)) {
    record("polygamma", out, {x}, [n, x = Saved(x)](const Tensor& grad, Grads& grads) {
      grads[0] = mul(grad, polygamma(n + 1, x.get()));
    });
  }
  return out;
}
Tensor polygamma_of_tensor(const Tensor& x, int64_t n) { return polygamma(n, x); }

// log of the multivariate gamma function (Abramowitz and Stegun have p = 1; Muirhead 1982, 2.1.12).
Tensor mvlgamma(const Tensor& x, int64_t p) {
  if (p < 1)
    fail(ErrorKind::runtime, "mvlgamma", "p of at least 1 (p has to be greater than or equal to 1)",
         join(p));
  constexpr double kQuarterLogPi = 0.28618247146235004;
  Tensor sum = lgamma(x);
  for (int64_t i = 1; i < p; ++i)
    sum = add(sum, lgamma(sub({x, {}}, {{}, static_cast<double>(i) / 2}, 1)));
  return add(sum, Number(kQuarterLogPi * static_cast<double>(p * (p - 1))));
}

void refuse_gradient(const char* op, const TensorOrNumber& x) {
  if (x.is_tensor() && wanted(x.tensor))
    fail(ErrorKind::not_implemented, op, "a first argument that needs no gradient",
         "one that requires it", "the derivative for it is not implemented; detach() it");
}

Tensor zeta(const TensorOrNumber& x, const TensorOrNumber& other) {
  const DType type = floating_type(result_type("special_zeta", x, other));
  refuse_gradient("special_zeta", x);
  Tensor out = of_elements("special_zeta", kZeta, {x, other}, type);
  if (wanted(other.tensor)) {
    record("zeta", out, {other.tensor},
           [x = Saved(x.tensor), number = x.number, q = Saved(other.tensor)](const Tensor& grad,
                                                                             Grads& grads) {
             const TensorOrNumber s{x.defined() ? x.get() : full({}, number, grad.dtype()), {}};
             const Tensor next = zeta({add(s, {{}, 1}, 1), {}}, {q.get(), {}});
             grads[0] = mul(grad, neg(mul(s, {next, {}})));
           });
  }
  return out;
}

DType incomplete_type(const char* op, const Tensor& a, const Tensor& x) {
  const DType type = result_type({a, {}}, {x, {}});
  if (!is_floating(type))
    fail(ErrorKind::not_implemented, op, "floating-point operands", name(type),
         "convert with .float() first");
  return type;
}

// The derivative in x is the density; that in a is not implemented.
Tensor incomplete(const char* op, const Kernel& kernel, const Tensor& a, const Tensor& x,
                  double side) {
  const DType type = incomplete_type(op, a, x);
  refuse_gradient(op, {a, {}});
  Tensor out = of_elements(op, kernel, {{a, {}}, {x, {}}}, type);
  if (wanted(x)) {
    record(op, out, {x}, [a = Saved(a), x = Saved(x), side](const Tensor& grad, Grads& grads) {
      const Tensor below = sub({a.get(), {}}, {{}, 1}, 1);
      const Tensor power = sub({mul(below, log(x.get())), {}}, {x.get(), {}}, 1);
      const Tensor density = exp(sub({power, {}}, {lgamma(a.get()), {}}, 1));
      grads[0] = mul(grad, mul(density, Number(side)));
    });
  }
  return out;
}
Tensor igamma(const Tensor& a, const Tensor& x) { return incomplete("igamma", kIgamma, a, x, 1); }
Tensor igammac(const Tensor& a, const Tensor& x) {
  return incomplete("igammac", kIgammac, a, x, -1);
}

// The rule of a slope of draws, which says where someone differentiates it again.
auto the_end(const char* op) {
  return [op](const Tensor&, Grads&) {
    fail(ErrorKind::not_implemented, op, "draws to be differentiated once", "a second derivative",
         "the derivative for it is not implemented");
  };
}

}  // namespace

Tensor lgamma(const Tensor& x) {
  return with_input(kernels::kLgamma, x,
                    [](const Tensor& grad, const Tensor& x) { return mul(grad, digamma(x)); });
}
Tensor digamma(const Tensor& x) {
  return with_input(kernels::kDigamma, x,
                    [](const Tensor& grad, const Tensor& x) { return mul(grad, polygamma(1, x)); });
}

Tensor standard_gamma_grad(const Tensor& alpha, const Tensor& drawn) {
  const DType type = incomplete_type("_standard_gamma_grad", alpha, drawn);
  const Tensor out =
      of_elements("_standard_gamma_grad", kGammaGrad, {{alpha, {}}, {drawn, {}}}, type);
  if (wanted(alpha, drawn))
    record("_standard_gamma_grad", out, {alpha, drawn}, the_end("_standard_gamma_grad"));
  return out;
}

Tensor dirichlet_grad(const Tensor& drawn, const Tensor& alpha, const Tensor& total) {
  const DType type = incomplete_type("_dirichlet_grad", drawn, alpha);
  const Tensor out =
      of_elements("_dirichlet_grad", kDirichletGrad, {{drawn, {}}, {alpha, {}}, {total, {}}}, type);
  if (wanted(drawn, alpha) || wanted(total))
    record("_dirichlet_grad", out, {drawn, alpha, total}, the_end("_dirichlet_grad"));
  return out;
}

namespace {

constexpr const char* kUnary = "(input: Tensor) -> Tensor";
constexpr const char* kPair = "(input: Tensor, other: Tensor) -> Tensor";

void register_gamma(Registry& registry) {
  registry.add<&lgamma>("lgamma", kBoth | kOut, kUnary,
                        R"(Logarithm of the absolute value of the gamma function of each element.

Shape: any, kept. Infinite at 0 and the negative whole numbers. Integers and bools give the default
dtype. Abramowitz and Stegun, 1964, 6.1.

>>> steep.lgamma(steep.tensor([0.5, 1.0, 5.0]))
tensor([0.5724, 0.0000, 3.1781])
)");
  registry.add_inplace<&lgamma>("lgamma_", kUnary, "In-place form of lgamma.", "lgamma");
  registry.add<&digamma>("digamma", kBoth | kOut, kUnary,
                         R"(The derivative of lgamma at each element.

Shape: any, kept. Minus infinity at 0, nan at the negative whole numbers. Integers and bools give
the default dtype. Abramowitz and Stegun, 1964, 6.3.

>>> steep.digamma(steep.tensor([1.0, 0.5]))
tensor([-0.5772, -1.9635])
)");
  registry.add_inplace<&digamma>("digamma_", kUnary, "In-place form of digamma.", "digamma");
  registry.add<&polygamma>("polygamma", kFunction | kOut, "(n: int, input: Tensor) -> Tensor",
                           R"(The derivative of order n of digamma at each element.

Shape: any, kept. Integers and bools give the default dtype. Raises RuntimeError for a negative n.
Abramowitz and Stegun, 1964, 6.4.

>>> steep.polygamma(1, steep.tensor([1.0, 0.5]))
tensor([1.6449, 4.9348])
)");
  registry.add<&polygamma_of_tensor>("polygamma", kMethod, "(input: Tensor, n: int) -> Tensor",
                                     "See polygamma(n, input).");
  registry.add<&mvlgamma>("mvlgamma", kBoth | kOut, "(input: Tensor, p: int) -> Tensor",
                          R"(Logarithm of the multivariate gamma function of dimension p.

log(pi) p (p - 1) / 4 plus the sum of lgamma(input - i / 2) for i from 0 to p - 1. Shape: any, kept.
Defined above (p - 1) / 2. Raises RuntimeError for p below 1.

>>> steep.mvlgamma(steep.tensor([2.0, 3.0]), 2)
tensor([0.4516, 1.5502])
)");
  registry.add_inplace<&mvlgamma>("mvlgamma_", "(input: Tensor, p: int) -> Tensor",
                                  "In-place form of mvlgamma.", "mvlgamma");
}

void register_pairs(Registry& registry) {
  registry.add<&igamma>("igamma", kBoth | kOut, kPair,
                        R"(The regularised lower incomplete gamma function P(input, other).

The probability that a draw of the gamma distribution with concentration input is at most other.
Shapes broadcast. nan for negative numbers. The gradient is that to other; one to input raises
NotImplementedError, and so do integers.

>>> steep.igamma(steep.tensor(1.0), steep.tensor(2.0))
tensor(0.8647)
)");
  registry.add_inplace<&igamma>("igamma_", kPair, "In-place form of igamma.", "igamma");
  registry.add<&igammac>(
      "igammac", kBoth | kOut, kPair,
      R"(The regularised upper incomplete gamma function, 1 - igamma(input, other).

Shapes broadcast. nan for negative numbers. The gradient is that to other; one to input raises
NotImplementedError, and so do integers.

>>> steep.igammac(steep.tensor(1.0), steep.tensor(2.0))
tensor(0.1353)
)");
  registry.add_inplace<&igammac>("igammac_", kPair, "In-place form of igammac.", "igammac");
  registry.add<&zeta>("special_zeta", kInternal | kOut,
                      "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
                      R"(Hurwitz's zeta function: the sum of (k + other)**-input over k from 0.

Shapes broadcast; integers and bools give the default dtype. Infinite for an input of 1, nan below
it. The gradient is that to other; one to input raises NotImplementedError.

>>> steep.special.zeta(steep.tensor([2.0]), steep.tensor([1.0]))
tensor([1.6449])
)");
}

void register_slopes(Registry& registry) {
  registry.add<&standard_gamma_grad>(
      "_standard_gamma_grad", kInternal, "(input: Tensor, output: Tensor) -> Tensor",
      R"(The derivative of draws `output` of gamma distributions in their concentration `input`.

Shapes broadcast. Implicit differentiation of the distribution function (Figurnov, Mohamed and Mnih,
2018). Has no derivative itself. Raises NotImplementedError for integers.

>>> steep._core._standard_gamma_grad(steep.tensor(2.0), steep.tensor(2.0))
tensor(1.0862)
)");
  registry.add<&dirichlet_grad>(
      "_dirichlet_grad", kInternal, "(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor",
      R"(The derivative of draws of Beta(alpha, total - alpha) in alpha, divided by 1 - x.

The second parameter stays. Shapes broadcast. Has no derivative itself. Raises NotImplementedError
for integers.

>>> half = steep.tensor(0.5)
>>> steep._core._dirichlet_grad(half, steep.tensor(1.0), steep.tensor(2.0))
tensor(0.6931)
)");
}

void register_functions(Registry& registry) {
  register_gamma(registry);
  register_pairs(registry);
  register_slopes(registry);
}

const Registration registered("special", register_functions);

}  // namespace

}  // namespace steep::ops
