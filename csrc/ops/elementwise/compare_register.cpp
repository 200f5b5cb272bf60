// Registry entries of compare.cpp.
#include "ops/elementwise/compare.h"

#include "ops/index/index.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

void register_compare(Registry& registry) {
  static constexpr const char* kPair = "(input: Tensor, other: Tensor | Number) -> Tensor";
  static constexpr const char* kTensors = "(input: Tensor, other: Tensor) -> Tensor";
  static constexpr const char* kUnary = "(input: Tensor) -> Tensor";

  registry.add<&eq>("eq", kBoth | kOut, kPair,
                    R"(Where input is equal to other, as bool. Comparisons with nan are false.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.eq(steep.tensor([1, 2]), steep.tensor([1, 3]))
tensor([ True, False])
)");
  registry.add<&ne>(
      "ne", kBoth | kOut, kPair,
      R"(Where input differs from other, as bool. Comparisons with nan are false, but ne is true.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.ne(steep.tensor([1, 2]), steep.tensor([1, 3]))
tensor([False,  True])
)");
  registry.add<&lt>("lt", kBoth | kOut, kPair,
                    R"(Where input is less than other, as bool. Comparisons with nan are false.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.lt(steep.tensor([1, 2]), steep.tensor([1, 3]))
tensor([False,  True])
)");
  registry.add<&le>("le", kBoth | kOut, kPair,
                    R"(Where input is at most other, as bool. Comparisons with nan are false.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.le(steep.tensor([1, 2]), steep.tensor([1, 3]))
tensor([True, True])
)");
  registry.add<&gt>("gt", kBoth | kOut, kPair,
                    R"(Where input is greater than other, as bool. Comparisons with nan are false.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.gt(steep.tensor([1, 2]), steep.tensor([1, 3]))
tensor([False, False])
)");
  registry.add<&ge>("ge", kBoth | kOut, kPair,
                    R"(Where input is at least other, as bool. Comparisons with nan are false.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.ge(steep.tensor([1, 2]), steep.tensor([1, 3]))
tensor([ True, False])
)");
  registry.add<&logical_and>("logical_and", kBoth | kOut, kTensors,
                             R"(Where both are not zero, as bool.

Shapes broadcast. Raises RuntimeError when they do not.

>>> steep.logical_and(steep.tensor([True, False]), steep.tensor([True, True]))
tensor([ True, False])
)");
  registry.add<&logical_or>("logical_or", kBoth | kOut, kTensors,
                            R"(Where at least one is not zero, as bool.

Shapes broadcast. Raises RuntimeError when they do not.

>>> steep.logical_or(steep.tensor([True, False]), steep.tensor([True, True]))
tensor([True, True])
)");
  registry.add<&logical_xor>("logical_xor", kBoth | kOut, kTensors,
                             R"(Where exactly one is not zero, as bool.

Shapes broadcast. Raises RuntimeError when they do not.

>>> steep.logical_xor(steep.tensor([True, False]), steep.tensor([True, True]))
tensor([False,  True])
)");
  registry.add<&logical_not>("logical_not", kBoth | kOut, kUnary, R"(Where input is zero, as bool.

Shape: any, kept.

>>> steep.logical_not(steep.tensor([0.0, 2.0]))
tensor([ True, False])
)");
  registry.add<&isnan>("isnan", kBoth, kUnary, R"(Where input is not a number, as bool.

Shape: any, kept.

>>> steep.isnan(steep.tensor([float('nan'), 2.0]))
tensor([ True, False])
)");
  registry.add<&isinf>("isinf", kBoth, kUnary, R"(Where input is infinite, as bool.

Shape: any, kept.

>>> steep.isinf(steep.tensor([float('inf'), 2.0]))
tensor([ True, False])
)");
  registry.add<&isfinite>("isfinite", kBoth, kUnary,
                          R"(Where input is neither infinite nor nan, as bool.

Shape: any, kept.

>>> steep.isfinite(steep.tensor([float('inf'), 2.0]))
tensor([False,  True])
)");
  registry.add<&bitwise_and>("bitwise_and", kBoth | kOut,
                             "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
                             R"(Bits of each pair of integers or bools combined: input & other.

Shapes broadcast and dtypes promote. Raises RuntimeError for floating operands.

>>> steep.bitwise_and(steep.tensor([2, 3]), steep.tensor([3, 4]))
tensor([2, 0])
)");
  registry.add<&bitwise_or>("bitwise_or", kBoth | kOut,
                            "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
                            R"(Bits of each pair of integers or bools combined: input | other.

Shapes broadcast and dtypes promote. Raises RuntimeError for floating operands.

>>> steep.bitwise_or(steep.tensor([2, 3]), steep.tensor([3, 4]))
tensor([3, 7])
)");
  registry.add<&bitwise_xor>("bitwise_xor", kBoth | kOut,
                             "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
                             R"(Bits of each pair of integers or bools combined: input ^ other.

Shapes broadcast and dtypes promote. Raises RuntimeError for floating operands.

>>> steep.bitwise_xor(steep.tensor([2, 3]), steep.tensor([3, 4]))
tensor([1, 7])
)");
  registry.add<&bitwise_left_shift>(
      "bitwise_left_shift", kBoth | kOut,
      "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
      R"(Bits of integers moved up: input << other. Shifts out of the dtype's range leave 0.

Shapes broadcast and dtypes promote. Raises NotImplementedError for floating and bool operands.

>>> steep.bitwise_left_shift(steep.tensor([1, 3]), 2)
tensor([ 4, 12])
)");
  registry.add<&bitwise_right_shift>("bitwise_right_shift", kBoth | kOut,
                                     "(input: Tensor | Number, other: Tensor | Number) -> Tensor",
                                     R"(Bits of integers moved down, the sign kept: input >> other.

Shifts out of the dtype's range leave 0, or -1 of a negative number. Shapes broadcast and dtypes
promote. Raises NotImplementedError for floating and bool operands.

>>> steep.bitwise_right_shift(steep.tensor([4, -5]), 1)
tensor([ 2, -3])
)");
  static constexpr const char* kInPlace = "(input: Tensor, other: Tensor | Number) -> Tensor";
  registry.add_inplace<&bitwise_and>("bitwise_and_", kInPlace, "In-place form of bitwise_and.",
                                     "bitwise_and");
  registry.add_inplace<&bitwise_or>("bitwise_or_", kInPlace, "In-place form of bitwise_or.",
                                    "bitwise_or");
  registry.add_inplace<&bitwise_xor>("bitwise_xor_", kInPlace, "In-place form of bitwise_xor.",
                                     "bitwise_xor");
  registry.add_inplace<&bitwise_left_shift>("bitwise_left_shift_", kInPlace,
                                            "In-place form of bitwise_left_shift.",
                                            "bitwise_left_shift");
  registry.add_inplace<&bitwise_right_shift>("bitwise_right_shift_", kInPlace,
                                             "In-place form of bitwise_right_shift.",
                                             "bitwise_right_shift");
  registry.add<&bitwise_not>("bitwise_not", kBoth | kOut, kUnary,
                             R"(Each bit turned; of a bool, its negation.

Shape: any, kept. Raises RuntimeError for floating tensors.

>>> steep.bitwise_not(steep.tensor([0, 5]))
tensor([-1, -6])
)");
  registry.add<static_cast<Tensor (*)(const Tensor&, const TensorOrNumber&, const TensorOrNumber&)>(
      &where)>(
      "where", kFunction | kOut,
      "(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Tensor",
      R"(input where condition is true, other elsewhere; of a condition alone, the coordinates of what is
true, as nonzero(condition, as_tuple=True).

Shapes broadcast and dtypes promote. Raises RuntimeError when condition is not bool, and for a
number that the dtype cannot hold.

>>> steep.where(steep.tensor([True, False]), steep.tensor([1.0, 2.0]), 0.0)
tensor([1., 0.])
>>> steep.where(steep.tensor([True, False, True]))
(tensor([0, 2]),)
)");
  registry.add<&coordinates>("where", kFunction | kOut, "(condition: Tensor) -> tuple[Tensor, ...]",
                             "See where(condition, input, other).", "nonzero_tuple");
  registry.add<&where_method>(
      "where", kMethod, "(input: Tensor, condition: Tensor, other: Tensor | Number) -> Tensor",
      R"(The tensor where condition is true, other elsewhere; shapes and errors as in steep.where.

>>> steep.tensor([1, 2]).where(steep.tensor([True, False]), 0)
tensor([1, 0])
)",
      "where");
  registry.add<&maximum>("maximum", kBoth | kOut, kTensors,
                         R"(The larger of each pair; nan where either is. A tie halves the gradient.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.maximum(steep.tensor([1.0, 5.0]), steep.tensor([3.0, 2.0]))
tensor([3., 5.])
)");
  registry.add<&minimum>(
      "minimum", kBoth | kOut, kTensors,
      R"(The smaller of each pair; nan where either is. A tie halves the gradient.

Shapes broadcast and dtypes promote. Raises RuntimeError when the shapes do not broadcast.

>>> steep.minimum(steep.tensor([1.0, 5.0]), steep.tensor([3.0, 2.0]))
tensor([1., 2.])
)");
  static constexpr const char* kClamp =
      "(input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> "
      "Tensor";
  registry.add<&clamp>(
      "clamp", kBoth | kOut, kClamp,
      R"(Each element brought into [min, max]; nan stays. The gradient passes at the bounds.

Shapes broadcast and dtypes promote. Raises ValueError when both bounds are left out, RuntimeError
where all would have to become a bound that the dtype cannot hold.

>>> steep.clamp(steep.tensor([-2.0, 0.5, 9.0]), 0, 1)
tensor([0.0000, 0.5000, 1.0000])
)");
  registry.add<&clamp>("clip", kBoth | kOut, kClamp, "Another name of clamp.", "clamp");
  registry.add_inplace<&clamp>("clamp_", kClamp, "In-place form of clamp.", "clamp");
  registry.add_inplace<&clamp>("clip_", kClamp, "In-place form of clamp.", "clamp");
  registry.add<&equal>(
      "equal", kBoth, "(input: Tensor, other: Tensor) -> bool",
      R"(Whether both have the same shape and the same values, whatever their shapes; nan equals nothing.

>>> steep.equal(steep.tensor([1, 2]), steep.tensor([1, 2]))
True
)");
  static constexpr const char* kClose =
      "(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = "
      "False)";
  static const auto& close = *new std::string(std::string(kClose) + " -> Tensor");
  static const auto& all_close = *new std::string(std::string(kClose) + " -> bool");
  registry.add<&isclose>("isclose", kBoth, close.c_str(),
                         R"(Where |input - other| <= atol + rtol * |other|, as bool.

Shapes broadcast. Raises RuntimeError when the dtypes differ or a tolerance is negative or nan.

>>> steep.isclose(steep.tensor([1.0, 2.0]), steep.tensor([1.0, 2.1]))
tensor([ True, False])
)");
  registry.add<&allclose>("allclose", kBoth, all_close.c_str(), R"(Whether isclose holds everywhere.

Shapes broadcast. Raises RuntimeError when the dtypes differ or a tolerance is negative or nan.

>>> steep.allclose(steep.tensor([1.0]), steep.tensor([1.0 + 1e-7]))
True
)",
                          "isclose");
}

const Registration registered("comparison", register_compare);

}  // namespace

}  // namespace steep::ops
