// multinomial: numbers of categories drawn by weight, in PyTorch's stream.
#include <cmath>

#include "ops/elementwise/compare.h"
#include "ops/order/order.h"
#include "ops/random/random.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

struct Weights {
  int64_t rows, n;
};
// Operands: weights[rows, n].
template <class T>
void look_at_weights(const kernels::Task& task) {
  const Weights& of = kernels::arguments<Weights>(task);
  const T* x = static_cast<const T*>(task.data[0]);
  for (int64_t r = 0; r < of.rows; ++r, x += of.n) {
    double sum = 0;
    for (int64_t i = 0; i < of.n; ++i) {
      if (!(x[i] >= 0) || !std::isfinite(x[i]))
        throw Error(
            ErrorKind::runtime,
            join("multinomial: expected weights that are finite and not negative (probability "
                 "tensor contains either `inf`, `nan` or element < 0), got ",
                 x[i], " at position ", i, " of row ", r));
      sum += x[i];
    }
    if (!(sum > 0))
      throw Error(ErrorKind::runtime,
                  join("multinomial: expected a row of weights with a sum greater than 0 (invalid "
                       "multinomial distribution), got ",
                       sum, " in row ", r));
  }
}
constexpr Kernel kLook = program::checking(
    "multinomial", "r",
    program::routines_for<float, double>(look_at_weights<float>, look_at_weights<double>));

void check(const Tensor& x, int64_t num_samples, bool replacement) {
  if (!is_floating(x.dtype()))
    fail(ErrorKind::runtime, "multinomial", "weights of a floating dtype", name(x.dtype()),
         "convert with .float() first");
  if (x.dim() < 1 || x.dim() > 2 || x.size(x.dim() - 1) < 1)
    fail(ErrorKind::runtime, "multinomial", "a vector or a matrix of at least one weight a row",
         to_string(x.shape()));
  const int64_t n = x.size(x.dim() - 1);
  if (num_samples < 1)
    fail(ErrorKind::runtime, "multinomial", "num_samples > 0 (cannot sample n_sample <= 0 samples)",
         join(num_samples));
  if (!replacement && num_samples > n)
    fail(ErrorKind::runtime, "multinomial",
         join("at most ", n,
              " samples without replacement (cannot sample n_sample > prob_dist.size(-1))"),
         join(num_samples), "pass replacement=True");
}

// Each weight waits for a time drawn at its rate; the first to come are the sample.
Tensor drawn_apart(const Tensor& x, int64_t num_samples, Generator* generator) {
  const Tensor times = exponential_(empty(x.shape(), x.dtype()), 1, generator);
  const Tensor rates = div(x, times);
  if (num_samples == 1) return argmax(rates, -1, true);
  return std::get<1>(sorted_first("topk", rates, -1, num_samples, true));
}

Tensor drawn_anew(const Tensor& x, int64_t num_samples, Generator* generator) {
  const int64_t n = x.size(x.dim() - 1);
  const Tensor rows = reshape(x, {x.numel() / n, n});
  const Tensor sums = cumsum(rows, 1, std::nullopt);
  const Tensor shares = narrow(div(sums, narrow(sums, 1, n - 1, 1)), 1, 0, n - 1);
  const Tensor at = uniform_(empty({rows.size(0), num_samples}, DType::float64), 0, 1, generator);
  const Tensor out = n == 1 ? full({rows.size(0), num_samples}, 0, DType::int64)
                            : places_in(shares, at, {}, false);
  return x.dim() == 1 ? reshape(out, {num_samples}) : out;
}

Tensor multinomial(const Tensor& given, int64_t num_samples, bool replacement,
                   Generator* generator) {
  check(given, num_samples, replacement);
  const tape::GradMode off(false);
  const Tensor x = contiguous(given);
  const int64_t n = x.size(x.dim() - 1);
  program::launch(kLook, x.dtype(), {x}, Weights{x.numel() / n, n});
  return replacement && num_samples > 1 ? drawn_anew(x, num_samples, generator)
                                        : drawn_apart(x, num_samples, generator);
}

void register_multinomial(Registry& registry) {
  registry.add<&multinomial>(
      "multinomial", kBoth | kOut,
      "(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None "
      "= None) -> Tensor",
      R"(Numbers of categories, drawn by the weights in a vector or in each row, in PyTorch's stream.

Without replacement, no category twice. Weights need not add up to 1. Shape: (n) to (num_samples), or
(m, n) to (m, num_samples), int64. Raises RuntimeError for weights that are negative, not finite or
all 0 in a row, for integers, and for more samples than categories without replacement.

>>> steep.multinomial(steep.tensor([0.0, 1.0, 0.0]), 1)
tensor([1])
)");
}

const Registration registered("random", register_multinomial);

}  // namespace

}  // namespace steep::ops
