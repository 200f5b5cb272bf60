// Registry entries of arithmetic.cpp.
#include "ops/elementwise/rounding.h"
#include "ops/ops.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

void register_arithmetic(Registry& registry) {
  registry.add<static_cast<Tensor (*)(const TensorOrNumber&, const TensorOrNumber&, const Number&)>(
      &add)>("add", kBoth | kOut,
             "(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor",
             R"(Sum of each pair of elements: out = input + alpha * other.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast, and for an alpha that the
result's dtype cannot hold.

>>> steep.add(steep.tensor([1, 2]), steep.tensor([10, 20]), alpha=2)
tensor([21, 42])
)");
  registry.add<static_cast<Tensor (*)(const TensorOrNumber&, const TensorOrNumber&, const Number&)>(
      &sub)>("sub", kBoth | kOut,
             "(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor",
             R"(Difference of each pair of elements: out = input - alpha * other.

Shapes broadcast and dtypes promote. Raises RuntimeError for two bool operands, for shapes that do not
broadcast, and for an alpha that the result's dtype cannot hold.

>>> steep.sub(steep.tensor([3.0, 5.0]), 1)
tensor([2., 4.])
)");
  registry.add<static_cast<Tensor (*)(const TensorOrNumber&, const TensorOrNumber&)>(&mul)>(
      "mul", kBoth | kOut, "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
      R"(Product of each pair of elements: out = input * other.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.mul(steep.tensor([2.0, 3.0]), steep.tensor([4.0, 5.0]))
tensor([ 8., 15.])
)");
  registry.add<static_cast<Tensor (*)(const TensorOrNumber&, const TensorOrNumber&)>(&div)>(
      "div", kBoth | kOut, "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
      R"(True quotient of each pair of elements: out = input / other.

Shapes broadcast; integers are divided as floating numbers of the default dtype. With rounding_mode
'trunc' (toward zero) or 'floor' (down), integers stay integers and the gradient is zero. Raises
RuntimeError for shapes that do not broadcast, for another mode, and where an integer is divided by
zero and rounded.

>>> steep.div(steep.tensor([1, 2]), 4)
tensor([0.2500, 0.5000])
>>> steep.div(steep.tensor([7, -7]), 2, rounding_mode='trunc')
tensor([ 3, -3])
)");
  registry.add<&div_rounded>("div", kBoth | kOut,
                             "(input: Tensor | Number, other: Tensor | Number, *, rounding_mode: "
                             "str | None) -> Tensor",
                             "See div(input, other).", "div_rounded");
  registry.add<&pow>("pow", kBoth | kOut,
                     "(input: Tensor | Number, exponent: Tensor | Number) -> Tensor",
                     R"(Power of each pair of elements: out = input ** exponent.

Shapes broadcast and dtypes promote. Raises RuntimeError for an integer tensor with a negative number as exponent.

>>> steep.pow(steep.tensor([1.0, 2.0, 3.0]), 2)
tensor([1., 4., 9.])
)");
  registry.add<&floor_divide>("floor_divide", kBoth | kOut,
                              "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
                              R"(Quotient of each pair of elements, rounded down as Python's //.

Shapes broadcast and dtypes promote. Raises RuntimeError when an integer is divided by zero, and in
backward, which div with rounding_mode='floor' allows.

>>> steep.floor_divide(steep.tensor([7, -7]), 2)
tensor([ 3, -4])
)");
  registry.add<&remainder>(
      "remainder", kBoth | kOut, "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
      R"(Remainder with the sign of the divisor, as Python's %: input - other * floor(input / other).

Shapes broadcast and dtypes promote. Raises RuntimeError when an integer is divided by zero.

>>> steep.remainder(steep.tensor([7, -7]), 3)
tensor([1, 2])
)");
  registry.add<&fmod>(
      "fmod", kBoth | kOut, "(input: Tensor, other: Tensor | Number) -> Tensor",
      R"(Remainder with the sign of the dividend, as C's fmod: input - other * trunc(input / other).

Shapes broadcast and dtypes promote. Raises RuntimeError when an integer is divided by zero.

>>> steep.fmod(steep.tensor([7, -7]), 3)
tensor([ 1, -1])
)");
  registry.add<&neg>("neg", kBoth | kOut, "(input: Tensor) -> Tensor",
                     R"(Each element with its sign turned: out = -input.

Shape: any, kept. Raises RuntimeError for bool.

>>> steep.neg(steep.tensor([1.0, -2.0]))
tensor([-1.,  2.])
)");
  registry.add<&abs>("abs", kBoth | kOut, "(input: Tensor) -> Tensor",
                     R"(Absolute value of each element. Its gradient at 0 is 0.

Shape: any, kept.

>>> steep.abs(steep.tensor([1.0, -2.0]))
tensor([1., 2.])
)");
  registry.add<&sign>("sign", kBoth | kOut, "(input: Tensor) -> Tensor",
                      R"(Sign of each element: -1, 0 or 1.

Shape: any, kept. The gradient is zero.

>>> steep.sign(steep.tensor([3.0, 0.0, -2.0]))
tensor([ 1.,  0., -1.])
)");
  registry.add<&square>("square", kBoth | kOut, "(input: Tensor) -> Tensor",
                        R"(Square of each element.

Shape: any, kept.

>>> steep.square(steep.tensor([3.0, -2.0]))
tensor([9., 4.])
)");
  registry.add<&reciprocal>("reciprocal", kBoth | kOut, "(input: Tensor) -> Tensor",
                            R"(One over each element; integers give the default dtype.

Shape: any, kept.

>>> steep.reciprocal(steep.tensor([2.0, 4.0]))
tensor([0.5000, 0.2500])
)");
  registry.add<&floor>("floor", kBoth | kOut, "(input: Tensor) -> Tensor",
                       R"(The largest whole number not above each element. The gradient is zero.

Shape: any, kept.

>>> steep.floor(steep.tensor([1.5, -1.5]))
tensor([ 1., -2.])
)");
  registry.add<&ceil>("ceil", kBoth | kOut, "(input: Tensor) -> Tensor",
                      R"(The smallest whole number not below each element. The gradient is zero.

Shape: any, kept.

>>> steep.ceil(steep.tensor([1.5, -1.5]))
tensor([ 2., -1.])
)");
  registry.add<&round>("round", kBoth | kOut, "(input: Tensor) -> Tensor",
                       R"(The nearest whole number, halves to the even one. The gradient is zero.

With decimals, the nearest with so many digits behind the point, or, where negative, in front of it.
Shape: any, kept. Raises NotImplementedError for integers and decimals other than 0.

>>> steep.round(steep.tensor([0.5, 1.5, 2.6]))
tensor([0., 2., 3.])
>>> steep.round(steep.tensor([1.26, -1.26]), decimals=1)
tensor([ 1.3000, -1.3000])
)");
  registry.add<&round_to>("round", kBoth | kOut, "(input: Tensor, *, decimals: int) -> Tensor",
                          "See round(input).", "round_to");
  registry.add<&trunc>("trunc", kBoth | kOut, "(input: Tensor) -> Tensor",
                       R"(Each element without its fraction. The gradient is zero.

Shape: any, kept.

>>> steep.trunc(steep.tensor([1.5, -1.5]))
tensor([ 1., -1.])
)");
  registry.add<&add_>("add_", kMethod,
                      "(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor",
                      "In-place form of add.", "add");
  registry.add<&sub_>("sub_", kMethod,
                      "(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor",
                      "In-place form of sub.", "sub");
  registry.add<&mul_>("mul_", kMethod, "(input: Tensor, other: Tensor | Number) -> Tensor",
                      "In-place form of mul.", "mul");
  registry.add<&div_>("div_", kMethod, "(input: Tensor, other: Tensor | Number) -> Tensor",
                      "In-place form of div.", "div");
  registry.add_inplace<&div_rounded>(
      "div_", "(input: Tensor, other: Tensor | Number, *, rounding_mode: str | None) -> Tensor",
      "In-place form of div.", "div_rounded");
  for (const char* name : {"divide", "true_divide"}) {
    registry.add<static_cast<Tensor (*)(const TensorOrNumber&, const TensorOrNumber&)>(&div)>(
        name, kBoth | kOut, "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
        "Another name of div.", "div");
  }
  registry.add<&div_rounded>("divide", kBoth | kOut,
                             "(input: Tensor | Number, other: Tensor | Number, *, rounding_mode: "
                             "str | None) -> Tensor",
                             "Another name of div.", "div_rounded");
  for (const char* name : {"divide_", "true_divide_"}) {
    registry.add<&div_>(name, kMethod, "(input: Tensor, other: Tensor | Number) -> Tensor",
                        "In-place form of div.", "div");
  }
  registry.add_inplace<&div_rounded>(
      "divide_", "(input: Tensor, other: Tensor | Number, *, rounding_mode: str | None) -> Tensor",
      "In-place form of div.", "div_rounded");
  registry.add_inplace<&pow>("pow_", "(input: Tensor, exponent: Tensor | Number) -> Tensor",
                             "In-place form of pow.", "pow");
  registry.add_inplace<&floor_divide>("floor_divide_",
                                      "(input: Tensor, other: Tensor | Number) -> Tensor",
                                      "In-place form of floor_divide.", "floor_divide");
  registry.add_inplace<&remainder>("remainder_",
                                   "(input: Tensor, other: Tensor | Number) -> Tensor",
                                   "In-place form of remainder.", "remainder");
  registry.add_inplace<&neg>("neg_", "(input: Tensor) -> Tensor", "In-place form of neg.", "neg");
  registry.add_inplace<&abs>("abs_", "(input: Tensor) -> Tensor", "In-place form of abs.", "abs");
  registry.add_inplace<&square>("square_", "(input: Tensor) -> Tensor", "In-place form of square.",
                                "square");
  registry.add_inplace<&reciprocal>("reciprocal_", "(input: Tensor) -> Tensor",
                                    "In-place form of reciprocal.", "reciprocal");
  registry.add_inplace<&floor>("floor_", "(input: Tensor) -> Tensor", "In-place form of floor.",
                               "floor");
  registry.add_inplace<&ceil>("ceil_", "(input: Tensor) -> Tensor", "In-place form of ceil.",
                              "ceil");
  registry.add_inplace<&round>("round_", "(input: Tensor) -> Tensor", "In-place form of round.",
                               "round");
  registry.add_inplace<&round_to>("round_", "(input: Tensor, *, decimals: int) -> Tensor",
                                  "In-place form of round.", "round_to");
  registry.add_inplace<&sign>("sign_", "(input: Tensor) -> Tensor", "In-place form of sign.",
                              "sign");
  registry.add_inplace<&trunc>("trunc_", "(input: Tensor) -> Tensor", "In-place form of trunc.",
                               "trunc");
}

const Registration registered("arithmetic", register_arithmetic);

}  // namespace

}  // namespace steep::ops
