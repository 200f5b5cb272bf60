// Registry entries of the reductions.
#include "ops/product/nuclear.h"
#include "ops/reduce/reduce.h"
#include "ops/reduce/softmax.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

using Deviation = Tensor (*)(const Tensor&, std::optional<Dims>, std::optional<Number>, bool);
using DeviationAndMean = std::tuple<Tensor, Tensor> (*)(const Tensor&, std::optional<Dims>,
                                                        std::optional<Number>, bool);

// PyTorch's older spellings: unbiased=True is correction=1.
template <auto function>
auto unbiased_all(const Tensor& x, bool unbiased) {
  return function(x, std::nullopt, Number(unbiased ? 1 : 0), false);
}
template <auto function>
auto unbiased_dim(const Tensor& x, std::optional<Dims> dim, bool unbiased, bool keepdim) {
  return function(x, dim, Number(unbiased ? 1 : 0), keepdim);
}

// The names norms go by.
Tensor named_norm(const Tensor& x, const std::string& p, std::optional<Dims> dim, bool keepdim,
                  std::optional<DType> dtype) {
  if (p == "nuc") return nuclear_norm(x, dim, keepdim, dtype);
  if (p != "fro")
    fail(ErrorKind::runtime, "norm", "p to be a number, 'fro' or 'nuc'", join("'", p, "'"),
         "pass a number");
  return norm(x, Number(2), dim, keepdim, dtype);
}

struct Signatures {
  Exposure exposure;
  const char *unbiased, *correction, *older;
};
constexpr Signatures kOne{kBoth | kOut, "(input: Tensor, unbiased: bool) -> Tensor",
                          "(input: Tensor, dim: Dims | None = None, *, correction: Number | None = "
                          "1, keepdim: bool = False) -> Tensor",
                          "(input: Tensor, dim: Dims | None = None, unbiased: bool = True, "
                          "keepdim: bool = False) -> Tensor"};
// Not tuple[Tensor, Tensor], whose fields Python would name values and indices.
constexpr Signatures kTwo{kBoth, "(input: Tensor, unbiased: bool) -> tuple[Tensor, ...]",
                          "(input: Tensor, dim: Dims | None = None, *, correction: Number | None = "
                          "1, keepdim: bool = False) -> tuple[Tensor, ...]",
                          "(input: Tensor, dim: Dims | None = None, unbiased: bool = True, "
                          "keepdim: bool = False) -> tuple[Tensor, ...]"};

template <auto function>
void add_deviation(Registry& registry, const char* name, const char* doc,
                   const Signatures& signatures) {
  registry.add<&unbiased_all<function>>(name, signatures.exposure, signatures.unbiased, doc);
  registry.add<function>(name, signatures.exposure, signatures.correction, doc);
  registry.add<&unbiased_dim<function>>(name, signatures.exposure, signatures.older, doc);
}

void register_sums(Registry& registry) {
  registry.add<&sum>("sum", kBoth | kOut,
                     "(input: Tensor, dim: Dims | None = None, keepdim: bool = False, *, dtype: "
                     "dtype | None = None) -> Tensor",
                     R"(Sum over the given dimensions, or over all.

With keepdim, reduced dimensions stay with size 1. Integers and bools are added up in int64; dtype,
where given, is what the input is converted to first. The order of additions depends on the shape
and strides alone. Raises IndexError for a dimension out of range and RuntimeError for one named
twice, and for an integer dtype where a gradient is wanted.

>>> steep.sum(steep.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
tensor([4., 6.])
)");
  registry.add<&mean>(
      "mean", kBoth | kOut,
      "(input: Tensor, dim: Dims | None = None, keepdim: bool = False, *, dtype: dtype | None = "
      "None) -> Tensor",
      R"(Sum over the given dimensions, or over all, divided by the number of elements; NaN of none.

With keepdim, reduced dimensions stay with size 1. Raises RuntimeError for integers and bools unless
a floating dtype is given, and IndexError for a dimension out of range.

>>> steep.mean(steep.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
tensor([1.5000, 3.5000])
)");
  registry.add<&prod>("prod", kBoth, "(input: Tensor, *, dtype: dtype | None = None) -> Tensor",
                      R"(Product of all elements, or of those along one dimension; 1 of none.

With keepdim, the dimension stays with size 1. Integers and bools are multiplied in int64; dtype,
where given, is what the input is converted to first. The gradient is right where elements are zero.
Raises IndexError for a dimension out of range.

>>> steep.prod(steep.tensor([1.0, 2.0, 3.0]))
tensor(6.)
)");
  registry.add<&prod_dim>(
      "prod", kBoth,
      "(input: Tensor, dim: int, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor",
      "See prod(input).");
  registry.add<&cumsum>("cumsum", kBoth | kOut,
                        "(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor",
                        R"(Running sum along one dimension: out_i = x_0 + ... + x_i.

Shape: any, kept. Integers and bools are added up in int64; dtype, where given, is what the input is
converted to first. Raises IndexError for a dimension out of range.

>>> steep.cumsum(steep.tensor([1, 2, 3]), dim=0)
tensor([1, 3, 6])
)");
  registry.add<&any>(
      "any", kBoth | kOut,
      "(input: Tensor, dim: Dims | None = None, keepdim: bool = False) -> Tensor",
      R"(Whether any element, over the given dimensions or over all, is not zero; False of none.

The result is bool, and uint8 for a uint8 input. With keepdim, reduced dimensions stay with size 1.
An empty dim reduces none: the truth of each element. Raises IndexError for a dimension out of
range.

>>> steep.any(steep.tensor([False, True]))
tensor(True)
)");
  registry.add<&all>(
      "all", kBoth | kOut,
      "(input: Tensor, dim: Dims | None = None, keepdim: bool = False) -> Tensor",
      R"(Whether all elements, over the given dimensions or over all, differ from zero; True of none.

The result is bool, and uint8 for a uint8 input. With keepdim, reduced dimensions stay with size 1.
An empty dim reduces none: the truth of each element. Raises IndexError for a dimension out of
range.

>>> steep.all(steep.tensor([False, True]))
tensor(False)
)");
}

void register_statistics(Registry& registry) {
  add_deviation<static_cast<Deviation>(&var)>(
      registry, "var",
      R"(Variance over the given dimensions, or over all: sum((x - mean)^2) / max(0, n - correction).

correction is 1 (Bessel's) unless given; unbiased=False is the older spelling of correction=0. With
keepdim, reduced dimensions stay with size 1. NaN where n is at most correction and nothing varies.
Raises RuntimeError for integers and bools, and IndexError for a dimension out of range.

>>> steep.var(steep.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
tensor(1.2500)
)",
      kOne);
  add_deviation<static_cast<Deviation>(&stddev)>(
      registry, "std",
      R"(Standard deviation over the given dimensions, or over all: the square root of var.

correction is 1 (Bessel's) unless given; unbiased=False is the older spelling of correction=0. With
keepdim, reduced dimensions stay with size 1. The gradient is 0 where nothing varies. Raises
RuntimeError for integers and bools, and IndexError for a dimension out of range.

>>> steep.std(steep.tensor([1.0, 3.0]), unbiased=False)
tensor(1.)
)",
      kOne);
  add_deviation<static_cast<DeviationAndMean>(&var_mean)>(
      registry, "var_mean",
      R"(Variance and mean over the given dimensions, or over all, in one go; arguments and errors as in var.

>>> steep.var_mean(steep.tensor([1.0, 3.0]))
(tensor(2.), tensor(2.))
)",
      kTwo);
  add_deviation<static_cast<DeviationAndMean>(&std_mean)>(
      registry, "std_mean",
      R"(Standard deviation and mean over the given dimensions, or over all, in one go; arguments and errors
as in var.

>>> steep.std_mean(steep.tensor([1.0, 3.0]), correction=0)
(tensor(1.), tensor(2.))
)",
      kTwo);
  registry.add<&logsumexp>(
      "logsumexp", kBoth | kOut, "(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor",
      R"(log(sum(exp(x))) over the given dimensions, shifted by the maximum so that nothing overflows; -inf
of none.

With keepdim, reduced dimensions stay with size 1. Integers give the default dtype. Raises
IndexError for a dimension out of range, RuntimeError for none.

>>> steep.logsumexp(steep.tensor([0.0, 0.0]), dim=0)
tensor(0.6931)
)");
  registry.add<&norm>("norm", kBoth | kOut,
                      "(input: Tensor, p: Number | None = 2, dim: Dims | None = None, keepdim: "
                      "bool = False, dtype: dtype | None = None) -> Tensor",
                      R"(Norm over the given dimensions, or over all: sum(|x|^p)^(1/p).

p may be infinite (greatest or least absolute value), 0 (how many are not zero), 'fro', which is 2,
or 'nuc', the sum of a matrix's singular values over two dimensions, computed by LAPACK. With
keepdim, reduced dimensions stay with size 1. The gradients of p = 2 at 0 and of 'nuc' along
singular values of 0 are 0. Raises RuntimeError for integers, for an infinite p of no elements, for
another name, and for 'nuc' of other than two dimensions or of numbers that are not finite;
IndexError for a dimension out of range.

>>> steep.norm(steep.tensor([3.0, 4.0]))
tensor(5.)
)");
  registry.add<&named_norm>("norm", kBoth | kOut,
                            "(input: Tensor, p: str, dim: Dims | None = None, keepdim: bool = "
                            "False, dtype: dtype | None = None) -> Tensor",
                            "See norm(input, p).", "named_norm");
}

void register_extremes(Registry& registry) {
  registry.add<static_cast<Tensor (*)(const Tensor&)>(&max)>(
      "max", kBoth | kOut, "(input: Tensor) -> Tensor",
      R"(The greatest of all elements; along one dimension, (values, indices); of two tensors, maximum.

NaN is greater than all. In a tie the index is that of the first, and max(input) shares its gradient
evenly. With keepdim, the dimension stays with size 1. Raises RuntimeError for an input without
elements, and IndexError for a dimension out of range or of size 0.

>>> steep.max(steep.tensor([1.0, 3.0, 2.0]))
tensor(3.)
>>> steep.max(steep.tensor([[1.0, 3.0], [5.0, 4.0]]), dim=1)[1]
tensor([1, 0])
)");
  registry.add<&maximum>("max", kBoth | kOut, "(input: Tensor, other: Tensor) -> Tensor",
                         "See max(input).");
  registry.add<&max_dim>(
      "max", kBoth | kOut,
      "(input: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]",
      "See max(input).");
  registry.add<static_cast<Tensor (*)(const Tensor&)>(&min)>(
      "min", kBoth | kOut, "(input: Tensor) -> Tensor",
      R"(The least of all elements; along one dimension, (values, indices); of two tensors, minimum.

NaN is less than all. In a tie the index is that of the first, and min(input) shares its gradient
evenly. With keepdim, the dimension stays with size 1. Raises RuntimeError for an input without
elements, and IndexError for a dimension out of range or of size 0.

>>> steep.min(steep.tensor([2.0, 1.0, 3.0]))
tensor(1.)
>>> steep.min(steep.tensor([[1.0, 3.0], [5.0, 4.0]]), dim=1)[1]
tensor([0, 1])
)");
  registry.add<&minimum>("min", kBoth | kOut, "(input: Tensor, other: Tensor) -> Tensor",
                         "See min(input).");
  registry.add<&min_dim>(
      "min", kBoth | kOut,
      "(input: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]",
      "See min(input).");
  registry.add<&amax>(
      "amax", kBoth | kOut,
      "(input: Tensor, dim: Dims | None = None, keepdim: bool = False) -> Tensor",
      R"(The greatest elements over the given dimensions, or over all; NaN is greater than all.

With keepdim, reduced dimensions stay with size 1. Elements that tie share the gradient evenly.
Raises RuntimeError for an input without elements, and IndexError for a dimension out of range or of
size 0.

>>> steep.amax(steep.tensor([[1.0, 3.0], [5.0, 4.0]]), dim=0)
tensor([5., 4.])
)");
  registry.add<&amin>(
      "amin", kBoth | kOut,
      "(input: Tensor, dim: Dims | None = None, keepdim: bool = False) -> Tensor",
      R"(The least elements over the given dimensions, or over all; NaN is less than all.

With keepdim, reduced dimensions stay with size 1. Elements that tie share the gradient evenly.
Raises RuntimeError for an input without elements, and IndexError for a dimension out of range or of
size 0.

>>> steep.amin(steep.tensor([[1.0, 3.0], [5.0, 4.0]]), dim=0)
tensor([1., 3.])
)");
  registry.add<&argmax>(
      "argmax", kBoth | kOut,
      "(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor",
      R"(Where the greatest element is: its int64 index along one dimension, or in the flattened input.

The first of several; NaN is greater than all. With keepdim, reduced dimensions stay with size 1.
Raises IndexError for a dimension out of range or of size 0, and RuntimeError for bool.

>>> steep.argmax(steep.tensor([[1.0, 3.0], [5.0, 4.0]]), dim=1)
tensor([1, 0])
)");
  registry.add<&argmin>(
      "argmin", kBoth | kOut,
      "(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor",
      R"(Where the least element is: its int64 index along one dimension, or in the flattened input.

The first of several; NaN is less than all. With keepdim, reduced dimensions stay with size 1.
Raises IndexError for a dimension out of range or of size 0, and RuntimeError for bool.

>>> steep.argmin(steep.tensor([[1.0, 3.0], [5.0, 4.0]]), dim=1)
tensor([0, 1])
)");
}

void register_reduce(Registry& registry) {
  register_sums(registry);
  register_statistics(registry);
  register_extremes(registry);
}

const Registration registered("reduction", register_reduce);

}  // namespace

}  // namespace steep::ops
