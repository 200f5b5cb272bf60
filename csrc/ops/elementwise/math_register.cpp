// Registry entries of math.cpp.
#include "ops/elementwise/math.h"

#include "ops/registry.h"

namespace steep::ops {

namespace {

void register_math(Registry& registry) {
  static constexpr const char* kUnary = "(input: Tensor) -> Tensor";
  registry.add<&exp>("exp", kBoth | kOut, kUnary, R"(Exponential of each element: out = e^x.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.exp(steep.tensor([0.0, 1.0]))
tensor([1.0000, 2.7183])
)");
  registry.add_inplace<&exp>("exp_", kUnary, "In-place form of exp.", "exp");
  registry.add<&exp2>("exp2", kBoth | kOut, kUnary, R"(Two to the power of each element: out = 2^x.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.exp2(steep.tensor([0.0, 3.0]))
tensor([1., 8.])
)");
  registry.add_inplace<&exp2>("exp2_", kUnary, "In-place form of exp2.", "exp2");
  registry.add<&expm1>("expm1", kBoth | kOut, kUnary, R"(e^x - 1, accurate where x is near 0.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.expm1(steep.tensor([0.0, 1.0]))
tensor([0.0000, 1.7183])
)");
  registry.add_inplace<&expm1>("expm1_", kUnary, "In-place form of expm1.", "expm1");
  registry.add<&log>("log", kBoth | kOut, kUnary,
                     R"(Natural logarithm of each element: -inf at 0, nan below.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.log(steep.tensor([1.0, 10.0]))
tensor([0.0000, 2.3026])
)");
  registry.add_inplace<&log>("log_", kUnary, "In-place form of log.", "log");
  registry.add<&log2>("log2", kBoth | kOut, kUnary,
                      R"(Logarithm to base 2 of each element: -inf at 0, nan below.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.log2(steep.tensor([1.0, 8.0]))
tensor([0., 3.])
)");
  registry.add_inplace<&log2>("log2_", kUnary, "In-place form of log2.", "log2");
  registry.add<&log10>("log10", kBoth | kOut, kUnary,
                       R"(Logarithm to base 10 of each element: -inf at 0, nan below.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.log10(steep.tensor([1.0, 100.0]))
tensor([0., 2.])
)");
  registry.add_inplace<&log10>("log10_", kUnary, "In-place form of log10.", "log10");
  registry.add<&log1p>("log1p", kBoth | kOut, kUnary, R"(log(1 + x), accurate where x is near 0.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.log1p(steep.tensor([0.0, 1.0]))
tensor([0.0000, 0.6931])
)");
  registry.add_inplace<&log1p>("log1p_", kUnary, "In-place form of log1p.", "log1p");
  registry.add<&sqrt>("sqrt", kBoth | kOut, kUnary, R"(Square root of each element: nan below 0.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.sqrt(steep.tensor([4.0, 9.0]))
tensor([2., 3.])
)");
  registry.add_inplace<&sqrt>("sqrt_", kUnary, "In-place form of sqrt.", "sqrt");
  registry.add<&rsqrt>("rsqrt", kBoth | kOut, kUnary,
                       R"(One over the square root of each element: inf at 0, nan below.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.rsqrt(steep.tensor([4.0, 16.0]))
tensor([0.5000, 0.2500])
)");
  registry.add_inplace<&rsqrt>("rsqrt_", kUnary, "In-place form of rsqrt.", "rsqrt");
  registry.add<&sin>("sin", kBoth | kOut, kUnary, R"(Sine of each element, in radians.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.sin(steep.tensor([0.0, 1.0]))
tensor([0.0000, 0.8415])
)");
  registry.add_inplace<&sin>("sin_", kUnary, "In-place form of sin.", "sin");
  registry.add<&cos>("cos", kBoth | kOut, kUnary, R"(Cosine of each element, in radians.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.cos(steep.tensor([0.0, 1.0]))
tensor([1.0000, 0.5403])
)");
  registry.add_inplace<&cos>("cos_", kUnary, "In-place form of cos.", "cos");
  registry.add<&tan>("tan", kBoth | kOut, kUnary, R"(Tangent of each element, in radians.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.tan(steep.tensor([0.0, 1.0]))
tensor([0.0000, 1.5574])
)");
  registry.add_inplace<&tan>("tan_", kUnary, "In-place form of tan.", "tan");
  registry.add<&asin>("asin", kBoth | kOut, kUnary,
                      R"(Arc sine of each element in radians: nan outside [-1, 1].

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.asin(steep.tensor([0.0, 1.0]))
tensor([0.0000, 1.5708])
)");
  registry.add_inplace<&asin>("asin_", kUnary, "In-place form of asin.", "asin");
  registry.add<&acos>("acos", kBoth | kOut, kUnary,
                      R"(Arc cosine of each element in radians: nan outside [-1, 1].

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.acos(steep.tensor([0.0, 1.0]))
tensor([1.5708, 0.0000])
)");
  registry.add_inplace<&acos>("acos_", kUnary, "In-place form of acos.", "acos");
  registry.add<&atan>("atan", kBoth | kOut, kUnary, R"(Arc tangent of each element in radians.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.atan(steep.tensor([0.0, 1.0]))
tensor([0.0000, 0.7854])
)");
  registry.add_inplace<&atan>("atan_", kUnary, "In-place form of atan.", "atan");
  registry.add<&sinh>("sinh", kBoth | kOut, kUnary, R"(Hyperbolic sine of each element.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.sinh(steep.tensor([0.0, 1.0]))
tensor([0.0000, 1.1752])
)");
  registry.add_inplace<&sinh>("sinh_", kUnary, "In-place form of sinh.", "sinh");
  registry.add<&cosh>("cosh", kBoth | kOut, kUnary, R"(Hyperbolic cosine of each element.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.cosh(steep.tensor([0.0, 1.0]))
tensor([1.0000, 1.5431])
)");
  registry.add_inplace<&cosh>("cosh_", kUnary, "In-place form of cosh.", "cosh");
  registry.add<&tanh>("tanh", kBoth | kFunctional | kOut, kUnary,
                      R"(Hyperbolic tangent of each element.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.tanh(steep.tensor([0.0, 1.0]))
tensor([0.0000, 0.7616])
)");
  registry.add_module("tanh", "activation.Tanh", R"(Hyperbolic tangent, elementwise.

Example:
    >>> import steep
    >>> steep.nn.Tanh()(steep.zeros(2)).tolist()
    [0.0, 0.0]
)");
  registry.add_inplace<&tanh>("tanh_", kUnary, "In-place form of tanh.", "tanh");
  registry.add<&sigmoid>("sigmoid", kBoth | kFunctional | kOut, kUnary,
                         R"(Logistic function of each element: out = 1 / (1 + e^-x).

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.sigmoid(steep.tensor([0.0, 2.0]))
tensor([0.5000, 0.8808])
)");
  registry.add_module("sigmoid", "activation.Sigmoid", R"(``1 / (1 + exp(-x))``, elementwise.

Example:
    >>> import steep
    >>> steep.nn.Sigmoid()(steep.zeros(2)).tolist()
    [0.5, 0.5]
)");
  registry.add_inplace<&sigmoid>("sigmoid_", kUnary, "In-place form of sigmoid.", "sigmoid");
  registry.add<&erf>(
      "erf", kBoth | kOut, kUnary,
      R"(Error function of each element: 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.erf(steep.tensor([0.0, 1.0]))
tensor([0.0000, 0.8427])
)");
  registry.add_inplace<&erf>("erf_", kUnary, "In-place form of erf.", "erf");
  registry.add<&erfc>("erfc", kBoth | kOut, kUnary,
                      R"(Complementary error function, 1 - erf(x), accurate where x is large.

Shape: any, kept. Integers and bools give the default dtype.

>>> steep.erfc(steep.tensor([0.0, 1.0]))
tensor([1.0000, 0.1573])
)");
  registry.add_inplace<&erfc>("erfc_", kUnary, "In-place form of erfc.", "erfc");
  registry.add<&atan2>(
      "atan2", kBoth | kOut, "(input: Tensor, other: Tensor) -> Tensor",
      R"(Angle in radians of the points with ordinate input and abscissa other, in (-pi, pi].

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.atan2(steep.tensor([1.0]), steep.tensor([-1.0]))
tensor([2.3562])
)");
}

const Registration registered("math", register_math);

}  // namespace

}  // namespace steep::ops
