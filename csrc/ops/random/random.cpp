// Drawing from the generator's stream. Every draw is a launch, so that a program draws anew when it
// is replayed.
#include "ops/random/random.h"

#include "ops/random/stream.h"
#include "ops/shape/strided_view.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

using kernels::Scalar;
using kernels::Task;

// What a draw takes beside its memory.  Operands: out[n].
struct Drawing {
  Generator* generator;
  int64_t n;
  kernels::Flag one_by_one;
  Scalar first, second;
};

template <class T>
T* out_of(const Task& task) {
  return static_cast<T*>(task.data[0]);
}

template <class T>
void draw_uniform(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  stream::uniform(*how.generator, out_of<T>(task), how.n, how.first.f, how.second.f);
}

template <class T>
void draw_normal(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  // torch takes other draws for memory that is not row-major: one after another, whatever their
  // number.
  const int64_t step = how.one_by_one ? 1 : how.n;
  for (int64_t i = 0; i < how.n; i += step)
    stream::normal(*how.generator, out_of<T>(task) + i, step, how.first.f, how.second.f);
}

template <class T>
void draw_exponential(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  stream::exponential(*how.generator, out_of<T>(task), how.n, how.first.f);
}

template <class T>
void draw_cauchy(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  stream::cauchy(*how.generator, out_of<T>(task), how.n, how.first.f, how.second.f);
}

template <class T>
void draw_log_normal(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  stream::log_normal(*how.generator, out_of<T>(task), how.n, how.first.f, how.second.f);
}

template <class T>
void draw_geometric(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  stream::geometric(*how.generator, out_of<T>(task), how.n, how.first.f);
}

template <class T>
void draw_ints(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  stream::random_ints(*how.generator, out_of<T>(task), how.n, how.first.i, how.second.i);
}

template <class T>
void draw_full(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  stream::random_full(*how.generator, out_of<T>(task), how.n);
}

template <class T>
void draw_bernoulli(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  stream::bernoulli(*how.generator, out_of<T>(task), how.n, how.first.f);
}

// Operands: out[n], p[n].
template <class T>
void draw_bernoulli_each(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  const T* p = static_cast<const T*>(task.data[1]);
  for (int64_t i = 0; i < how.n; ++i) {
    if (p[i] >= 0 && p[i] <= 1) continue;
    throw Error(ErrorKind::runtime,
                join("bernoulli: expected probabilities p with p >= 0 and p <= 1, got ", p[i],
                     " at position ", i, "; clamp them, or apply sigmoid"));
  }
  stream::bernoulli(*how.generator, out_of<T>(task), p, how.n);
}

void draw_permutation(const Task& task) {
  const Drawing& how = kernels::arguments<Drawing>(task);
  stream::randperm(*how.generator, out_of<int64_t>(task), how.n);
}

constexpr Kernel drawing(const char* name, const kernels::PerType<kernels::Routine>& routines) {
  return program::host_kernel(name, "wr", routines).with_numbers(2);
}
constexpr Kernel throwing(Kernel kernel) {
  kernel.may_throw = true;
  return kernel;
}
using program::routines_for;
constexpr Kernel kUniform =
    drawing("uniform", routines_for<float, double>(draw_uniform<float>, draw_uniform<double>));
constexpr Kernel kNormal =
    drawing("normal", routines_for<float, double>(draw_normal<float>, draw_normal<double>));
constexpr Kernel kExponential = drawing(
    "exponential", routines_for<float, double>(draw_exponential<float>, draw_exponential<double>));
constexpr Kernel kCauchy =
    drawing("cauchy", routines_for<float, double>(draw_cauchy<float>, draw_cauchy<double>));
constexpr Kernel kLogNormal = drawing(
    "log_normal", routines_for<float, double>(draw_log_normal<float>, draw_log_normal<double>));
constexpr Kernel kGeometric =
    drawing("geometric", routines_for<float, double, int64_t, int32_t, uint8_t>(
                             draw_geometric<float>, draw_geometric<double>, draw_geometric<int64_t>,
                             draw_geometric<int32_t>, draw_geometric<uint8_t>));
constexpr Kernel kBernoulliEach =
    throwing(drawing("bernoulli", routines_for<float, double>(draw_bernoulli_each<float>,
                                                              draw_bernoulli_each<double>)));
constexpr Kernel kInts =
    drawing("random", routines_for<float, double, int64_t, int32_t, uint8_t, bool>(
                          draw_ints<float>, draw_ints<double>, draw_ints<int64_t>,
                          draw_ints<int32_t>, draw_ints<uint8_t>, draw_ints<bool>));
constexpr Kernel kFull =
    drawing("random", routines_for<float, double, int64_t, int32_t, uint8_t, bool>(
                          draw_full<float>, draw_full<double>, draw_full<int64_t>,
                          draw_full<int32_t>, draw_full<uint8_t>, draw_full<bool>));
constexpr Kernel kBernoulli = drawing(
    "bernoulli", routines_for<float, double, int64_t, int32_t, uint8_t, bool>(
                     draw_bernoulli<float>, draw_bernoulli<double>, draw_bernoulli<int64_t>,
                     draw_bernoulli<int32_t>, draw_bernoulli<uint8_t>, draw_bernoulli<bool>));
constexpr Kernel kPermutation = drawing("randperm", routines_for<int64_t>(draw_permutation));

}  // namespace

Generator* drawn_from(Generator* generator) {
  if (!generator) generator = &current_generator();
  program::Recorder* const recorder = program::Recorder::active();
  if (recorder && generator != &default_generator()) recorder->keep(generator->shared_from_this());
  return generator;
}

namespace {

// What a draw is: its kernel, and its two numbers.
struct Draw {
  const Kernel& kernel;
  Scalar first = program::integer(0), second = program::integer(0);
};

// Into dense memory, in its order; `one_by_one` where what is filled in the end is not row-major.
void draw_memory(const Draw& draw, const Tensor& x, bool one_by_one, Generator* generator) {
  program::launch(draw.kernel, x.dtype(), {x},
                  Drawing{drawn_from(generator), x.numel(), one_by_one, draw.first, draw.second});
}

// Dense memory with x's order of dimensions.
Tensor dense_like(const Tensor& x, DType dtype, const MemoryFormat& format = {}) {
  if (is_row_major(format) || is_channels_last(format)) return empty_in(x.shape(), dtype, format);
  if (x.is_contiguous()) return empty(x.shape(), dtype);
  Dims strides(x.dim(), 1);
  int64_t step = 1;
  const Dims order = order_by_stride(x.shape(), x.strides());
  for (int i = order.size() - 1; i >= 0; --i) {
    strides[order[i]] = step;
    step *= x.size(static_cast<int>(order[i]));  // count(x.shape()) has been found to fit
  }
  return empty_strided(x.shape(), strides, dtype);
}

Tensor draw_into(const char* op, const Draw& draw, const Tensor& x, Generator* generator) {
  const bool recorded = wanted(x);
  if (!recorded) tape::check_writable(op, x);
  if (!recorded && (x.is_contiguous() || is_dense(x.shape(), x.strides()))) {
    draw_memory(draw, x, !x.is_contiguous(), generator);
    x->bump(op);
    return x;
  }
  const Tensor value = dense_like(x, x.dtype());
  draw_memory(draw, value, !x.is_contiguous(), generator);
  if (recorded) return assign(op, x, value);
  copy_memory(x, value);
  x->bump(op);
  return x;
}

Tensor drawn(const Draw& draw, const Tensor& out, Generator* generator, bool requires_grad) {
  draw_memory(draw, out, !out.is_contiguous(), generator);
  if (requires_grad) tape::set_requires_grad(out, true);
  return out;
}

DType floating(const char* op, DType dtype) {
  if (!is_floating(dtype))
    fail(ErrorKind::not_implemented, op, "a floating-point dtype", name(dtype),
         "use randint or random_ for integers");
  return dtype;
}

Draw uniform_draw(double from, double to) {
  return {kUniform, program::real(from), program::real(to)};
}
Draw normal_draw(double mean, double std) {
  return {kNormal, program::real(mean), program::real(std)};
}

Draw int_draw(const char* op, int64_t low, int64_t high, DType dtype) {
  if (low >= high) {
    fail(ErrorKind::runtime, op, "'from' to be less than 'to' (low below high)",
         join("from=", low, " >= to=", high), "the upper end is excluded");
  }
  if (low < least(dtype) || high - 1 > most(dtype)) {
    fail(ErrorKind::runtime, op, join("bounds within ", name(dtype)),
         join(low < least(dtype) ? "from" : "to - 1", " is out of bounds: [", low, ", ", high, ")"),
         "choose a wider dtype");
  }
  return {kInts, program::integer(low), program::integer(high)};
}

}  // namespace

Tensor rand(const Dims& size, Generator* generator, std::optional<DType> dtype,
            bool requires_grad) {
  return drawn(uniform_draw(0, 1), empty(size, floating("rand", dtype.value_or(default_dtype()))),
               generator, requires_grad);
}

Tensor randn(const Dims& size, Generator* generator, std::optional<DType> dtype,
             bool requires_grad) {
  return drawn(normal_draw(0, 1), empty(size, floating("randn", dtype.value_or(default_dtype()))),
               generator, requires_grad);
}

Tensor randint(int64_t low, int64_t high, const Dims& size, Generator* generator,
               std::optional<DType> dtype, bool requires_grad) {
  const DType type = dtype.value_or(DType::int64);
  return drawn(int_draw("randint", low, high, type), empty(size, type), generator, requires_grad);
}

Tensor randperm(int64_t n, Generator* generator, std::optional<DType> dtype, bool requires_grad) {
  const DType type = dtype.value_or(DType::int64);
  if (n > 0 && n - 1 > most(type))
    fail(ErrorKind::runtime, "randperm", join("n that ", name(type), " can count"), join(n),
         "choose a wider dtype");
  const Tensor order = empty({n}, DType::int64);
  program::launch(kPermutation, DType::int64, {order},
                  Drawing{drawn_from(generator), n, 0, {}, {}});
  const Tensor out = to(order, type);
  if (requires_grad) tape::set_requires_grad(out, true);
  return out;
}

Tensor rand_like(const Tensor& x, Generator* generator, std::optional<DType> dtype,
                 bool requires_grad, const MemoryFormat& format) {
  return drawn(uniform_draw(0, 1),
               dense_like(x, floating("rand_like", dtype.value_or(x.dtype())), format), generator,
               requires_grad);
}

Tensor randn_like(const Tensor& x, Generator* generator, std::optional<DType> dtype,
                  bool requires_grad, const MemoryFormat& format) {
  return drawn(normal_draw(0, 1),
               dense_like(x, floating("randn_like", dtype.value_or(x.dtype())), format), generator,
               requires_grad);
}

Tensor randint_like(const Tensor& x, int64_t low, int64_t high, Generator* generator,
                    std::optional<DType> dtype, bool requires_grad, const MemoryFormat& format) {
  const DType type = dtype.value_or(x.dtype());
  return drawn(int_draw("randint_like", low, high, type), dense_like(x, type, format), generator,
               requires_grad);
}

Tensor bernoulli(const Tensor& p, Generator* generator) {
  floating("bernoulli", p.dtype());
  const tape::GradMode off(false);
  const Tensor chances = contiguous(p), out = empty(p.shape(), p.dtype());
  program::launch(kBernoulliEach, p.dtype(), {out, chances},
                  Drawing{drawn_from(generator), out.numel(), 0, {}, {}});
  return out;
}

Tensor normal_of_size(double mean, double std, const Dims& size, Generator* generator,
                      std::optional<DType> dtype, bool requires_grad) {
  const Tensor out = empty(size, floating("normal", dtype.value_or(default_dtype())));
  normal_(out, mean, std, generator);
  if (requires_grad) tape::set_requires_grad(out, true);
  return out;
}

Tensor normal(const TensorOrNumber& mean, const TensorOrNumber& std, Generator* generator) {
  if (!mean.is_tensor() && !std.is_tensor())
    fail(ErrorKind::type, "normal", "a tensor of means or deviations, or a size", "two numbers",
         "pass size=");
  const Tensor drawn =
      output_for("normal", {&mean.tensor, &std.tensor}, floating("normal", result_type(mean, std)));
  const bool scaled = std.is_tensor();
  normal_(drawn, 0, scaled ? 1 : std.number.to_double(), generator);
  const tape::GradMode off(false);
  return add({scaled ? mul(drawn, std.tensor) : drawn, {}}, mean, 1);
}

Tensor uniform_(const Tensor& x, double from, double to, Generator* generator) {
  floating("uniform_", x.dtype());
  if (!(from <= to))
    fail(ErrorKind::runtime, "uniform_", "to return a [from, to) range",
         join("from=", from, " > to=", to));
  return draw_into("uniform_", uniform_draw(from, to), x, generator);
}

Tensor normal_(const Tensor& x, double mean, double std, Generator* generator) {
  floating("normal_", x.dtype());
  if (!(std >= 0)) fail(ErrorKind::runtime, "normal_", "std >= 0.0", join("std ", std));
  return draw_into("normal_", normal_draw(mean, std), x, generator);
}

Tensor exponential_(const Tensor& x, double lambd, Generator* generator) {
  floating("exponential_", x.dtype());
  if (!(lambd > 0))
    fail(ErrorKind::runtime, "exponential_", "lambda > 0.0", join("lambda=", lambd));
  return draw_into("exponential_", {kExponential, program::real(lambd)}, x, generator);
}

Tensor cauchy_(const Tensor& x, double median, double sigma, Generator* generator) {
  floating("cauchy_", x.dtype());
  if (!(sigma > 0)) fail(ErrorKind::runtime, "cauchy_", "sigma > 0.0", join("sigma=", sigma));
  return draw_into("cauchy_", {kCauchy, program::real(median), program::real(sigma)}, x, generator);
}

Tensor log_normal_(const Tensor& x, double mean, double std, Generator* generator) {
  floating("log_normal_", x.dtype());
  if (!(std > 0)) fail(ErrorKind::runtime, "log_normal_", "std > 0.0", join("std=", std));
  return draw_into("log_normal_", {kLogNormal, program::real(mean), program::real(std)}, x,
                   generator);
}

Tensor geometric_(const Tensor& x, double p, Generator* generator) {
  if (x.dtype() == DType::boolean)
    fail(ErrorKind::not_implemented, "geometric_", "numbers", "bool", "draw into integers");
  if (!(p > 0 && p < 1)) fail(ErrorKind::runtime, "geometric_", "p to be in (0, 1)", join("p=", p));
  return draw_into("geometric_", {kGeometric, program::real(p)}, x, generator);
}

Tensor random_full_(const Tensor& x, Generator* generator) {
  return draw_into("random_", {kFull}, x, generator);
}

Tensor random_(const Tensor& x, int64_t from, int64_t to, Generator* generator) {
  return draw_into("random_", int_draw("random_", from, to, x.dtype()), x, generator);
}

Tensor bernoulli_(const Tensor& x, const TensorOrNumber& p, Generator* generator) {
  if (p.is_tensor()) {
    const tape::GradMode off(false);
    const Tensor value = bernoulli(expand(p.tensor, x.shape()), generator);
    const tape::GradMode on(true);
    return assign("bernoulli_", x, to(value, x.dtype()));
  }
  const double chance = p.number.to_double();
  if (!(chance >= 0 && chance <= 1))
    fail(ErrorKind::runtime, "bernoulli_", "p to be in [0, 1]", join("p=", chance));
  return draw_into("bernoulli_", {kBernoulli, program::real(chance)}, x, generator);
}

}  // namespace steep::ops
