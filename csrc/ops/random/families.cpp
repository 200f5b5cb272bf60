// Draws of the Poisson, binomial, gamma and Dirichlet distributions, one by one, by the methods of
// PyTorch and in its stream.
#include <cmath>
#include <limits>

#include "ops/random/random.h"
#include "ops/random/stream.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "ops/special/scalar.h"
#include "ops/special/special.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

using stream::next_normal;
using stream::next_uniform;

// Hoermann, "The transformed rejection method for generating Poisson random variables", 1993.
double large_poisson(Generator& generator, double rate) {
  const double root = std::sqrt(rate), log_rate = std::log(rate);
  const double b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), accepted = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = next_uniform(generator) - 0.5, v = next_uniform(generator);
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= accepted) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double here = std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b);
    if (here <= -rate + k * log_rate - scalar::lgamma(k + 1)) return k;
  }
}

// Knuth, "The Art of Computer Programming", 3.4.1: factors until their product is exp(-rate).
double poisson_of(Generator& generator, double rate) {
  if (rate >= 10) return large_poisson(generator, rate);
  if (rate == 0) return 0;
  const double least = std::exp(-rate);
  double k = 0;
  for (double product = next_uniform(generator); product > least; ++k)
    product *= next_uniform(generator);
  return k;
}

// What Stirling's formula leaves of log(k!).
double stirling_rest(double k) {
  static constexpr double kOfFew[] = {0.0810614667953272, 0.0413406959554092, 0.0276779256849983,
                                      0.0207906721037650, 0.0166446911898211, 0.0138761288230707,
                                      0.0118967099458917, 0.0104112652619720, 0.00925546218271273,
                                      0.00833056343336287};
  if (k <= 9) return kOfFew[static_cast<int>(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// Hoermann, "The generation of binomial random variates", 1993: algorithm BTRS.
double large_binomial(Generator& generator, double count, double p) {
  const double deviation = std::sqrt(count * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double centre = count * p + 0.5, accepted = 0.92 - 4.2 / b, odds = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * deviation, mode = std::floor((count + 1) * p);
  for (;;) {
    const double u = next_uniform(generator) - 0.5;
    double v = next_uniform(generator);
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + centre);
    if (us >= 0.07 && v <= accepted) return k;
    if (k < 0 || k > count) continue;
    v = std::log(v * alpha / (a / (us * us) + b));
    const double most = (mode + 0.5) * std::log((mode + 1) / (odds * (count - mode + 1))) +
                        (count + 1) * std::log((count - mode + 1) / (count - k + 1)) +
                        (k + 0.5) * std::log(odds * (count - k + 1) / (k + 1)) +
                        stirling_rest(mode) + stirling_rest(count - mode) - stirling_rest(k) -
                        stirling_rest(count - k);
    if (v <= most) return k;
  }
}

// Few successes: from one to the next, until the trials are used up.
double small_binomial(Generator& generator, double count, double p) {
  const double rate = std::log1p(-p);
  double trials = 0, k = 0;
  for (;;) {
    trials += std::ceil(std::log(next_uniform(generator)) / rate);
    if (trials > count) return k;
    ++k;
  }
}

double binomial_of(Generator& generator, double count, double p) {
  if (!(count < std::numeric_limits<double>::infinity() && p == p)) return std::nan("");
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  const double q = p <= 0.5 ? p : 1 - p;
  const double k =
      count * q >= 10 ? large_binomial(generator, count, q) : small_binomial(generator, count, q);
  return p <= 0.5 ? k : count - k;
}

// Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. PyTorch's constants
// are floats, and its parameter is of the result's type.
template <class T>
double gamma_of(Generator& generator, T alpha) {
  if (alpha == 0) return 0;
  if (!(alpha > 0)) return std::nan("");
  double scale = 1;
  if (alpha < 1) {
    scale = std::pow(1 - next_uniform(generator), static_cast<double>(1 / alpha));
    alpha += 1;
  }
  const double d = alpha - 1.0f / 3.0f, c = 1 / std::sqrt(9 * d);
  for (;;) {
    double x, y;
    do {
      x = next_normal(generator);
      y = 1 + c * x;
    } while (y <= 0);
    const double v = y * y * y, u = 1 - next_uniform(generator), square = x * x;
    if (u < 1 - 0.0331f * square * square) return scale * d * v;
    if (std::log(u) < 0.5 * square + d * (1 - v + std::log(v))) return scale * d * v;
  }
}

struct Rows {
  Generator* generator;
  int64_t rows, n;
};
template <class T>
struct Operands {
  const Rows& how;
  T* out;
  const T *first, *second;
  explicit Operands(const kernels::Task& task)
      : how(kernels::arguments<Rows>(task)),
        out(static_cast<T*>(task.data[0])),
        first(static_cast<const T*>(task.data[1])),
        second(static_cast<const T*>(task.data[2])) {}
};

// Operands: out[n], rate[n].
template <class T>
void draw_poisson(const kernels::Task& task) {
  const Rows& how = kernels::arguments<Rows>(task);
  T* const out = static_cast<T*>(task.data[0]);
  const T* const rate = static_cast<const T*>(task.data[1]);
  for (int64_t i = 0; i < how.n; ++i) {
    if (rate[i] >= 0 && std::isfinite(rate[i])) continue;
    throw Error(ErrorKind::runtime,
                join("poisson: expected rates that are finite and not negative (invalid Poisson "
                     "rate), got ",
                     rate[i], " at position ", i));
  }
  const runtime::Lock lock(how.generator->mutex());
  for (int64_t i = 0; i < how.n; ++i) out[i] = static_cast<T>(poisson_of(*how.generator, rate[i]));
}

// Operands: out[n], count[n], p[n].
template <class T>
void draw_binomial(const kernels::Task& task) {
  const Operands<T> x(task);
  for (int64_t i = 0; i < x.how.n; ++i) {
    if (!(x.second[i] < 0 || x.second[i] > 1)) continue;
    throw Error(ErrorKind::runtime, join("binomial: expected probabilities from 0 to 1, got ",
                                         x.second[i], " at position ", i));
  }
  const runtime::Lock lock(x.how.generator->mutex());
  for (int64_t i = 0; i < x.how.n; ++i)
    x.out[i] = static_cast<T>(binomial_of(*x.how.generator, x.first[i], x.second[i]));
}

// Operands: out[n], alpha[n]. 0 is no draw: its logarithm is asked for next.
template <class T>
void draw_gamma(const kernels::Task& task) {
  const Rows& how = kernels::arguments<Rows>(task);
  T* const out = static_cast<T*>(task.data[0]);
  const T* const alpha = static_cast<const T*>(task.data[1]);
  const runtime::Lock lock(how.generator->mutex());
  constexpr T kLeast = std::numeric_limits<T>::min();
  for (int64_t i = 0; i < how.n; ++i) {
    const T drawn = static_cast<T>(gamma_of(*how.generator, alpha[i]));
    out[i] = drawn < kLeast ? kLeast : drawn;
  }
}

// Operands: out[rows, n], alpha[rows, n], double[rows, n] to draw in. Draws that are too small for a
// double are the smallest one, so that shares of such draws alone still have the sum 1.
template <class T>
void draw_dirichlet(const kernels::Task& task) {
  const Rows& how = kernels::arguments<Rows>(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* alpha = static_cast<const T*>(task.data[1]);
  double* drawn = static_cast<double*>(task.data[2]);
  const runtime::Lock lock(how.generator->mutex());
  constexpr double kLeast = std::numeric_limits<double>::min();
  for (int64_t i = 0; i < how.rows * how.n; ++i) {
    const double draw = gamma_of<double>(*how.generator, alpha[i]);
    drawn[i] = draw < kLeast ? kLeast : draw;
  }
  const T least = std::numeric_limits<T>::min(), most = 1 - std::numeric_limits<T>::epsilon() / 2;
  for (int64_t r = 0; r < how.rows; ++r, out += how.n, drawn += how.n) {
    double sum = 0;
    for (int64_t i = 0; i < how.n; ++i) sum += drawn[i];
    for (int64_t i = 0; i < how.n; ++i) {
      const T share = static_cast<T>(drawn[i] / sum);
      const T above = share < least ? least : share;
      out[i] = above > most ? most : above;
    }
  }
}

constexpr Kernel throwing(Kernel kernel) {
  kernel.may_throw = true;
  return kernel;
}
using program::host_kernel;
using program::routines_for;
constexpr Kernel kPoisson = throwing(host_kernel(
    "poisson", "wr", routines_for<float, double>(draw_poisson<float>, draw_poisson<double>)));
constexpr Kernel kBinomial = throwing(host_kernel(
    "binomial", "wr", routines_for<float, double>(draw_binomial<float>, draw_binomial<double>)));
constexpr Kernel kGamma = host_kernel(
    "standard_gamma", "wr", routines_for<float, double>(draw_gamma<float>, draw_gamma<double>));
constexpr Kernel kDirichlet = host_kernel(
    "dirichlet", "wrw", routines_for<float, double>(draw_dirichlet<float>, draw_dirichlet<double>));

Tensor dense(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype()))
    fail(ErrorKind::not_implemented, op, "a floating-point dtype", name(x.dtype()),
         "convert with .float() first");
  return contiguous(x);
}

Tensor poisson(const Tensor& rates, Generator* generator) {
  const tape::GradMode off(false);
  const Tensor x = dense("poisson", rates), out = empty(x.shape(), x.dtype());
  program::launch(kPoisson, x.dtype(), {out, x}, Rows{drawn_from(generator), 1, out.numel()});
  return out;
}

Tensor binomial(const Tensor& count, const Tensor& prob, Generator* generator) {
  if (count.dtype() != prob.dtype())
    fail(ErrorKind::runtime, "binomial", "count and prob of one dtype",
         join(name(count.dtype()), " and ", name(prob.dtype())));
  const tape::GradMode off(false);
  const Dims shape = broadcast_shapes("binomial", count.shape(), prob.shape());
  const Tensor n = dense("binomial", expand(count, shape)), p = contiguous(expand(prob, shape));
  const Tensor out = empty(shape, n.dtype());
  program::launch(kBinomial, n.dtype(), {out, n, p}, Rows{drawn_from(generator), 1, out.numel()});
  return out;
}

Tensor standard_gamma(const Tensor& alpha, Generator* generator) {
  Tensor out;
  {
    const tape::GradMode off(false);
    const Tensor x = dense("_standard_gamma", alpha);
    out = empty(x.shape(), x.dtype());
    program::launch(kGamma, x.dtype(), {out, x}, Rows{drawn_from(generator), 1, out.numel()});
  }
  if (wanted(alpha)) {
    record("standard_gamma", out, {alpha},
           [alpha = Saved(alpha), out = Saved::output(out)](const Tensor& grad, Grads& grads) {
             grads[0] = mul(grad, standard_gamma_grad(alpha.get(), out.get()));
           });
  }
  return out;
}

Tensor sample_dirichlet(const Tensor& alpha, Generator* generator) {
  if (alpha.dim() == 0)
    fail(ErrorKind::runtime, "_sample_dirichlet", "at least one dimension", "a number");
  Tensor out;
  {
    const tape::GradMode off(false);
    const Tensor x = dense("_sample_dirichlet", alpha);
    out = empty(x.shape(), x.dtype());
    const int64_t n = x.size(x.dim() - 1), rows = n == 0 ? 0 : x.numel() / n;
    program::launch(kDirichlet, x.dtype(), {out, x, empty(x.shape(), DType::float64)},
                    Rows{drawn_from(generator), rows, n});
  }
  if (wanted(alpha)) {
    // Each share moves by its own marginal, a beta distribution; the others keep their proportions.
    record("sample_dirichlet", out, {alpha},
           [alpha = Saved(alpha), out = Saved::output(out)](const Tensor& grad, Grads& grads) {
             const Tensor x = out.get(), total = sum(alpha.get(), Dims{-1}, true, std::nullopt);
             const Tensor mean = sum(mul(x, grad), Dims{-1}, true, std::nullopt);
             grads[0] = mul(dirichlet_grad(x, alpha.get(), total), sub(grad, mean));
           });
  }
  return out;
}

void register_families(Registry& registry) {
  registry.add<&poisson>(
      "poisson", kFunction, "(input: Tensor, generator: Generator | None = None) -> Tensor",
      R"(Draws from Poisson distributions whose rates are the elements, in PyTorch's stream.

Shape and dtype: the input's; no gradient. Raises RuntimeError for rates that are negative or not
finite, NotImplementedError for integers.

>>> steep.poisson(steep.zeros(2))
tensor([0., 0.])
)");
  registry.add<&binomial>(
      "binomial", kFunction,
      "(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor",
      R"(Numbers of successes among count trials of probability prob each, in PyTorch's stream.

Shapes broadcast; both are of one floating dtype, which is the result's; no gradient. nan for a nan.
Raises RuntimeError for different dtypes and probabilities outside of 0 to 1, NotImplementedError for
integers.

>>> steep.binomial(steep.tensor([3.0, 5.0]), steep.tensor([0.0, 1.0]))
tensor([0., 5.])
)");
  registry.add<&standard_gamma>(
      "_standard_gamma", kInternal, "(input: Tensor, generator: Generator | None = None) -> Tensor",
      R"(Draws from gamma distributions of rate 1 and these concentrations, in PyTorch's stream.

Shape and dtype: the input's. The gradient is that of implicit reparameterisation, see
_standard_gamma_grad. nan below 0. Raises NotImplementedError for integers.

>>> bool((steep._core._standard_gamma(steep.ones(9)) > 0).all())
True
)");
  registry.add<&sample_dirichlet>(
      "_sample_dirichlet", kInternal,
      "(input: Tensor, generator: Generator | None = None) -> Tensor",
      R"(Draws from Dirichlet distributions, whose parameters are along the last dimension.

In PyTorch's stream. Shape and dtype: the input's. The gradient is that of implicit
reparameterisation, see _dirichlet_grad. Raises RuntimeError for a number, NotImplementedError for
integers.

>>> steep._core._sample_dirichlet(steep.ones(2, 3)).shape
steep.Size([2, 3])
)");
}

const Registration registered("random", register_families);

}  // namespace

}  // namespace steep::ops
