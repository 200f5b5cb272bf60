// Registry entries of the random operations.
#include "ops/options.h"
#include "ops/random/random.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

#define STEEP_DRAWN "generator: Generator | None = None, " STEEP_OPTIONS
#define STEEP_LIKE STEEP_DRAWN STEEP_FORMAT

Tensor randint_below(int64_t high, const Dims& size, Generator* generator,
                     std::optional<DType> dtype, bool requires_grad) {
  return randint(0, high, size, generator, dtype, requires_grad);
}
Tensor randint_like_below(const Tensor& x, int64_t high, Generator* generator,
                          std::optional<DType> dtype, bool requires_grad,
                          const MemoryFormat& format) {
  return randint_like(x, 0, high, generator, dtype, requires_grad, format);
}
Tensor random_below_(const Tensor& x, int64_t to, Generator* generator) {
  return random_(x, 0, to, generator);
}

void register_tensors(Registry& registry) {
  registry.add<&rand>("rand", kFunction | kOut, "(*size: int, " STEEP_DRAWN ") -> Tensor",
                      R"(Draws from the uniform distribution on [0, 1), in PyTorch's stream.

dtype defaults to the default floating dtype. Raises RuntimeError for a negative size and
NotImplementedError for an integer dtype.

>>> _ = steep.manual_seed(0)
>>> steep.rand(2)
tensor([0.4963, 0.7682])
)");
  registry.add<&randn>(
      "randn", kFunction | kOut, "(*size: int, " STEEP_DRAWN ") -> Tensor",
      R"(Draws from the standard normal distribution, in PyTorch's stream (within 2 ULP of its values).

dtype defaults to the default floating dtype. Raises RuntimeError for a negative size and
NotImplementedError for an integer dtype.

>>> _ = steep.manual_seed(0)
>>> steep.randn(2)
tensor([ 1.5410, -0.2934])
)");
  registry.add<&randint_below>(
      "randint", kFunction | kOut, "(high: int, size: Dims, *, " STEEP_DRAWN ") -> Tensor",
      R"(Whole numbers from low (0) up to, not including, high, each as likely, in PyTorch's stream.

dtype defaults to int64. Raises RuntimeError where low is not below high, where dtype cannot hold
them, and for a negative size.

>>> steep.randint(1, 2, (3,))
tensor([1, 1, 1])
)");
  registry.add<&randint>("randint", kFunction | kOut,
                         "(low: int, high: int, size: Dims, *, " STEEP_DRAWN ") -> Tensor",
                         "See randint(high, size).");
  registry.add<&randperm>("randperm", kFunction | kOut, "(n: int, *, " STEEP_DRAWN ") -> Tensor",
                          R"(The numbers 0 to n - 1 in random order, in PyTorch's stream.

dtype defaults to int64. Raises RuntimeError for a negative n, and for one that dtype cannot count.

>>> sorted(steep.randperm(4).tolist())
[0, 1, 2, 3]
)");
  registry.add<&rand_like>(
      "rand_like", kFunction, "(input: Tensor, *, " STEEP_LIKE ") -> Tensor",
      R"(Draws from the uniform distribution on [0, 1) in input's shape and dtype.

Raises NotImplementedError for an integer dtype.

>>> steep.rand_like(steep.zeros(2, 3)).shape
steep.Size([2, 3])
)");
  registry.add<&randn_like>(
      "randn_like", kFunction, "(input: Tensor, *, " STEEP_LIKE ") -> Tensor",
      R"(Draws from the standard normal distribution in input's shape and dtype.

Raises NotImplementedError for an integer dtype.

>>> steep.randn_like(steep.zeros(2, 3)).shape
steep.Size([2, 3])
)");
  registry.add<&randint_like_below>(
      "randint_like", kFunction, "(input: Tensor, high: int, *, " STEEP_LIKE ") -> Tensor",
      R"(Whole numbers from low (0) up to, not including, high, in input's shape and dtype.

Raises RuntimeError where low is not below high and where dtype cannot hold them.

>>> steep.randint_like(steep.zeros(2), 1)
tensor([0., 0.])
)");
  registry.add<&randint_like>("randint_like", kFunction,
                              "(input: Tensor, low: int, high: int, *, " STEEP_LIKE ") -> Tensor",
                              "See randint_like(input, high).");
  registry.add<&normal_of_size>(
      "normal", kFunction | kOut,
      "(mean: float, std: float, size: Dims, *, " STEEP_DRAWN ") -> Tensor",
      R"(Draws from normal distributions of this mean and standard deviation, in PyTorch's stream.

Numbers come with a size; where one of them is a tensor, the shapes broadcast. Raises RuntimeError
for a negative std and NotImplementedError for integers.

>>> steep.normal(5.0, 0.0, (2,))
tensor([5., 5.])
)");
  registry.add<&normal>("normal", kFunction | kOut,
                        "(mean: Tensor | Number, std: Tensor | Number = 1.0, *, generator: "
                        "Generator | None = None) -> Tensor",
                        "See normal(mean, std, size).");
  registry.add<&bernoulli>(
      "bernoulli", kBoth | kOut, "(input: Tensor, *, generator: Generator | None = None) -> Tensor",
      R"(1 with the probability that input holds, else 0, for each element, in PyTorch's stream.

Shape: any, kept; no gradient. Raises RuntimeError for a probability outside [0, 1] and
NotImplementedError for integers.

>>> steep.bernoulli(steep.tensor([0.0, 1.0]))
tensor([0., 1.])
)");
  registry.add<&dropout>(
      "dropout", kFunction | kFunctional,
      "(input: Tensor, p: float = 0.5, training: bool | int = True, inplace: bool | int = False) "
      "-> Tensor",
      R"(Zeroes each element with probability p and scales the rest by 1 / (1 - p); input itself unless
training.

Shape: any, kept. The mask is drawn by Philox from the default generator's counter. Raises
ValueError for p outside [0, 1] and RuntimeError for integers.

>>> steep.nn.functional.dropout(steep.ones(2), 0.5, training=False)
tensor([1., 1.])
)");
}

void register_tails(Registry& registry) {
  registry.add<&cauchy_>(
      "cauchy_", kMethod,
      "(input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = "
      "None) -> Tensor",
      R"(Fills the tensor with draws from the Cauchy distribution, in PyTorch's stream; returns it.

Raises RuntimeError for a sigma that is not positive, NotImplementedError for integers.

>>> steep.zeros(3).cauchy_(2.0, 1e-30)
tensor([2., 2., 2.])
)",
      "rand");
  registry.add<&log_normal_>(
      "log_normal_", kMethod,
      "(input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) "
      "-> Tensor",
      R"(Fills the tensor with exponentials of normal draws, in PyTorch's stream; returns it.

mean and std are those of the logarithm. Raises RuntimeError for a std that is not positive,
NotImplementedError for integers.

>>> steep.zeros(3).log_normal_(0.0, 1e-30)
tensor([1., 1., 1.])
)",
      "rand");
  registry.add<&geometric_>(
      "geometric_", kMethod,
      "(input: Tensor, p: float, *, generator: Generator | None = None) -> Tensor",
      R"(Fills the tensor with numbers of trials up to the first success, in PyTorch's stream; returns it.

Each trial succeeds with probability p. Raises RuntimeError for a p that is not between 0 and 1,
NotImplementedError for bools.

>>> bool((steep.zeros(9).geometric_(0.5) >= 1).all())
True
)",
      "bernoulli");
}

void register_in_place(Registry& registry) {
  registry.add<&uniform_>(
      "uniform_", kMethod,
      "(input: Tensor, from: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) "
      "-> Tensor",
      R"(Fills the tensor with draws from the uniform distribution on [from, to), in PyTorch's stream;
returns it.

Raises RuntimeError where from is greater than to, NotImplementedError for integers.

>>> steep.zeros(2).uniform_(3, 3)
tensor([3., 3.])
)",
      "rand");
  registry.add<&normal_>(
      "normal_", kMethod,
      "(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) "
      "-> Tensor",
      R"(Fills the tensor with draws from a normal distribution, in PyTorch's stream; returns it.

Raises RuntimeError for a negative std, NotImplementedError for integers.

>>> steep.zeros(2).normal_(3, 0)
tensor([3., 3.])
)",
      "randn");
  registry.add<&exponential_>(
      "exponential_", kMethod,
      "(input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor",
      R"(Fills the tensor with draws from the exponential distribution of rate lambd, in PyTorch's stream;
returns it.

Raises RuntimeError for a rate that is not positive, NotImplementedError for integers.

>>> bool((steep.zeros(9).exponential_() >= 0).all())
True
)",
      "rand");
  register_tails(registry);
  registry.add<&random_full_>(
      "random_", kMethod, "(input: Tensor, *, generator: Generator | None = None) -> Tensor",
      R"(Fills the tensor with whole numbers, each as likely, in PyTorch's stream; returns it.

From `from` (0) up to, not including, to; without bounds, the dtype's numbers from 0 up (to 2^24 in
float32, 2^53 in float64). Raises RuntimeError where from is not below to and where the dtype
cannot hold them.

>>> steep.zeros(2).random_(1, 2)
tensor([1., 1.])
)",
      "randint");
  registry.add<&random_below_>(
      "random_", kMethod,
      "(input: Tensor, to: int, *, generator: Generator | None = None) -> Tensor", "See random_().",
      "randint");
  registry.add<&random_>(
      "random_", kMethod,
      "(input: Tensor, from: int, to: int, *, generator: Generator | None = None) -> Tensor",
      "See random_().", "randint");
  registry.add<&bernoulli_>(
      "bernoulli_", kMethod,
      "(input: Tensor, p: Tensor | Number = 0.5, *, generator: Generator | None = None) -> Tensor",
      R"(Fills the tensor with 1 with probability p, else 0, in PyTorch's stream; returns it.

p may be a tensor that broadcasts to this one. Raises RuntimeError for a probability outside [0, 1].

>>> steep.zeros(2).bernoulli_(1.0)
tensor([1., 1.])
)",
      "bernoulli");
}

#undef STEEP_DRAWN
#undef STEEP_LIKE

void register_random(Registry& registry) {
  register_tensors(registry);
  register_in_place(registry);
}

const Registration registered("random", register_random);

}  // namespace

}  // namespace steep::ops
