// Padding with a number, and by what the input has itself.
#include <algorithm>
#include <string>

#include "ops/registry.h"
#include "ops/resample/sample.h"
#include "ops/shape/strided_view.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

constexpr const char* kName = "pad";
constexpr const char* kReflectionNames[] = {"reflection_pad1d", "reflection_pad2d",
                                            "reflection_pad3d"};
constexpr const char* kReplicationNames[] = {"replication_pad1d", "replication_pad2d",
                                             "replication_pad3d"};

// Elements added in front of and behind each dimension; cut off where they are fewer than none.
struct Sides {
  Dims before, after;
};

// PyTorch's list has the last dimension first.
Sides sides_of(const Tensor& x, const Dims& pad) {
  if (pad.size() % 2 != 0)
    throw Error(ErrorKind::runtime,
                join(kName, ": Padding length must be divisible by 2, got ", to_string(pad)));
  const int rank = x.dim(), given = pad.size() / 2;
  if (given > rank)
    throw Error(ErrorKind::runtime,
                join(kName,
                     ": Padding length should be less than or equal to two times the input "
                     "dimension but got padding length ",
                     pad.size(), " and input of dimension ", rank));
  Sides sides{Dims(rank, 0), Dims(rank, 0)};
  for (int i = 0; i < given; ++i) {
    sides.before[rank - 1 - i] = pad[2 * i];
    sides.after[rank - 1 - i] = pad[2 * i + 1];
  }
  return sides;
}

[[noreturn]] void refuse_negative(const Dims& shape, const Sides& sides, int d) {
  throw Error(ErrorKind::runtime,
              join(kName, ": The input size ", shape[d], ", plus negative padding ",
                   sides.before[d], " and ", sides.after[d],
                   ", resulted in a negative output size, which is invalid. Check dimension ", d,
                   " of your input."));
}

Dims padded_shape(const Dims& shape, const Sides& sides) {
  Dims padded;
  for (int d = 0; d < shape.size(); ++d) {
    const int64_t size = checked_add(checked_add(shape[d], sides.before[d]), sides.after[d]);
    if (size < 0) refuse_negative(shape, sides, d);
    padded.push_back(size);
  }
  return padded;
}

// The same, of what is cut off first and then padded: no side may take more than there is.
void check_cuts(const Dims& shape, const Sides& sides) {
  for (int d = 0; d < shape.size(); ++d) {
    const int64_t before = std::min<int64_t>(sides.before[d], 0);
    if (shape[d] + before + std::min<int64_t>(sides.after[d], 0) < 0)
      refuse_negative(shape, sides, d);
  }
}

// The part of x that lies inside the tensor that it is padded to.
Tensor part_inside(const Tensor& x, const Dims& before, const Dims& after) {
  Tensor part = x;
  for (int d = 0; d < x.dim(); ++d) {
    const int64_t first = before[d] < 0 ? -before[d] : 0, last = after[d] < 0 ? -after[d] : 0;
    if (first || last) part = narrow(part, d, first, x.size(d) - first - last);
  }
  return part;
}

Dims negated(const Dims& sides) {
  Dims out;
  for (int64_t side : sides) out.push_back(-side);
  return out;
}

Tensor pad_constant(const Tensor& x, const Sides& sides, const Number& value) {
  const Dims shape = padded_shape(x.shape(), sides);
  check_cuts(x.shape(), sides);
  const Tensor out = full(shape, value, x.dtype());
  {
    const tape::GradMode off(false);
    const Tensor kept = part_inside(x, sides.before, sides.after);
    if (kept.numel() > 0)
      copy_memory(part_inside(out, negated(sides.before), negated(sides.after)), kept);
  }
  if (wanted(x)) {
    record("pad", out, {x}, tape::lasting([sides](const Tensor& grad, Grads& grads) {
             grads[0] =
                 pad_constant(grad, {negated(sides.before), negated(sides.after)}, Number(0));
           }));
  }
  return out;
}

struct Mode {
  const char* name;
  Rule rule;
};
constexpr Mode kModes[] = {
    {"reflect", Rule::reflect}, {"replicate", Rule::replicate}, {"circular", Rule::circular}};

Rule rule_of(const std::string& mode) {
  for (const Mode& known : kModes)
    if (mode == known.name) return known.rule;
  throw Error(ErrorKind::not_implemented,
              join(kName, ": Unrecognised padding mode ", mode,
                   "; expected 'constant', 'reflect', 'replicate' or 'circular'"));
}

void check_side(const Sampled& axis, int64_t after, const Tensor& x, int d) {
  const int64_t most = axis.lead > after ? axis.lead : after;
  if (axis.rule == Rule::reflect && most >= axis.in)
    throw Error(
        ErrorKind::runtime,
        join(kName,
             ": Padding size should be less than the corresponding input dimension, "
             "but got: padding (",
             axis.lead, ", ", after, ") at dimension ", d, " of input ", to_string(x.shape())));
  if (axis.rule == Rule::circular && most > axis.in)
    throw Error(
        ErrorKind::runtime,
        join(kName, ": Padding value causes wrapping around more than once: padding (", axis.lead,
             ", ", after, ") at dimension ", d, " of input ", to_string(x.shape())));
  if (axis.in == 0 || axis.out < 1)
    throw Error(
        ErrorKind::runtime,
        join(kName, ": expected a padded axis of at least 1 element made of at least 1, got ",
             axis.out, " of ", axis.in, " at dimension ", d, " of input ", to_string(x.shape())));
}

// By what the last `axes` dimensions have themselves.
Tensor pad_by_itself(const Tensor& x, const Sides& sides, int axes, Rule rule) {
  const int rank = x.dim();
  if (axes < 1 || axes > 3 || (rank != axes + 1 && rank != axes + 2))
    throw Error(ErrorKind::not_implemented,
                join(kName,
                     ": Only 2D, 3D, 4D, 5D padding with non-constant padding are supported: "
                     "one to three axes of an input with one or two dimensions in front, got ",
                     axes, " axes of ", rank, " dimensions"));
  const Dims shape = padded_shape(x.shape(), sides);
  Sampled sampled[3];
  for (int i = 0; i < axes; ++i) {
    const int d = rank - axes + i;
    Sampled& axis = sampled[3 - axes + i];
    axis.rule = rule, axis.in = x.size(d), axis.out = shape[d], axis.lead = sides.before[d];
    check_side(axis, sides.after[d], x, d);
  }
  const char* const shown = rule == Rule::reflect     ? kReflectionNames[axes - 1]
                            : rule == Rule::replicate ? kReplicationNames[axes - 1]
                                                      : "setitem";  // as PyTorch makes it
  return tape::shown_as(shown, take(x, sampled, axes));
}

Tensor pad(const Tensor& x, const Dims& pad, const std::string& mode,
           const std::optional<Number>& value) {
  if (mode == "constant") {
    const Number number = value.value_or(Number(0));
    check_fits(kName, number, x.dtype());
    return pad_constant(x, sides_of(x, pad), number);
  }
  const Rule rule = rule_of(mode);
  if (value && value->to_double() != 0)
    throw Error(ErrorKind::runtime,
                join(kName, ": Padding mode \"", mode, "\" doesn't take in value argument"));
  Sides sides = sides_of(x, pad);
  if (rule != Rule::circular) return pad_by_itself(x, sides, pad.size() / 2, rule);
  // What is cut off does not come round.
  check_cuts(x.shape(), sides);
  const Tensor kept = part_inside(x, sides.before, sides.after);
  for (Dims* side : {&sides.before, &sides.after})
    for (int64_t& size : *side) size = std::max<int64_t>(size, 0);
  return pad_by_itself(kept, sides, pad.size() / 2, rule);
}

Tensor constant_pad(const Tensor& x, const Dims& sides, const Number& value) {
  return pad(x, sides, "constant", value);
}

void register_pad(Registry& registry) {
  registry.add<&constant_pad>(
      "constant_pad_nd", kFunction, "(input: Tensor, pad: Dims, value: Number = 0) -> Tensor",
      R"(Dimensions made longer at their ends by a value; see nn.functional.pad.

Shape: two numbers of pad, in front and behind, for each of the last dimensions, the last first.
Errors as there.

>>> steep.constant_pad_nd(steep.tensor([1, 2]), (1, 0))
tensor([0, 1, 2])
)");
  registry.add<&pad>("pad", kFunctional,
                     "(input: Tensor, pad: Dims, mode: str = 'constant', value: Number | None = "
                     "None) -> Tensor",
                     R"(Dimensions made longer at their ends, or shorter where a number is negative.

pad has two numbers for a dimension, in front and behind, of the last dimension first. mode:
'constant' fills with value, 0 if None, for any dimensions; the others continue the last one to three
of an input with one or two more in front: 'reflect' by its mirror image, in which the edge itself
does not come again, 'replicate' by its edge, 'circular' by its other end. Raises RuntimeError for
a list of odd or too great a length, for sides longer than a mode allows and for a value with another
mode than 'constant', NotImplementedError for an unknown mode and for other dimensions.

>>> x = steep.tensor([[1.0, 2.0, 3.0]])
>>> steep.nn.functional.pad(x, (1, 2))
tensor([[0., 1., 2., 3., 0., 0.]])
>>> steep.nn.functional.pad(x, (2, 0), mode="reflect")
tensor([[3., 2., 1., 2., 3.]])
)");
}

const Registration registered("resampling", register_pad);

}  // namespace

}  // namespace steep::ops
