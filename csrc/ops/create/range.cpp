// Ranges of numbers: by their step, and by how many there are.
#include <cmath>

#include "kernels/create/iota.h"
#include "ops/elementwise/elementwise.h"
#include "ops/options.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

// Evenly spaced numbers, both ends exact.  Operands: out[n].
struct Spacing {
  int64_t n;
  kernels::Scalar start, end;
};

// Counted up from the start in the first half and down from the end in the second.
template <class T>
void space_floats(const kernels::Task& task) {
  T* out = static_cast<T*>(task.data[0]);
  const Spacing& spacing = kernels::arguments<Spacing>(task);
  const int64_t n = spacing.n, half = n == 1 ? 1 : n / 2;
  const double start = spacing.start.f, end = spacing.end.f;
  const double step = n > 1 ? (end - start) / static_cast<double>(n - 1) : 0;
  for (int64_t i = 0; i < half; ++i) out[i] = static_cast<T>(start + step * static_cast<double>(i));
  for (int64_t i = half; i < n; ++i)
    out[i] = static_cast<T>(end - step * static_cast<double>(n - 1 - i));
}

// By fractions, for a step that is rounded misses whole numbers.
template <class T>
void space_integers(const kernels::Task& task) {
  __extension__ using Wide = __int128;
  T* out = static_cast<T*>(task.data[0]);
  const Spacing& spacing = kernels::arguments<Spacing>(task);
  const int64_t n = spacing.n;
  const Wide start = spacing.start.i, end = spacing.end.i, parts = n > 1 ? n - 1 : 1;
  for (int64_t i = 0; i < n; ++i)
    out[i] = static_cast<T>((start * parts + (end - start) * i) / parts);
}

constexpr Kernel kEven =
    program::host_kernel("linspace", "w",
                         program::routines_for<float, double, int64_t, int32_t, uint8_t>(
                             space_floats<float>, space_floats<double>, space_integers<int64_t>,
                             space_integers<int32_t>, space_integers<uint8_t>))
        .with_numbers(2);

Tensor marked(const Tensor& out, bool requires_grad) {
  if (requires_grad) tape::set_requires_grad(out, true);
  return out;
}

// How many numbers from start on in steps of step lie before end. The distance of two int64 fits 64
// bits without a sign.
uint64_t steps_between(int64_t start, int64_t end, int64_t step) {
  const uint64_t from = static_cast<uint64_t>(start), to = static_cast<uint64_t>(end);
  const uint64_t distance = step > 0 ? to - from : from - to;
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : -static_cast<uint64_t>(step);
  return distance / stride + (distance % stride != 0);
}

[[noreturn]] void refuse_length(const Number& start, const Number& end, const Number& step) {
  throw Error(ErrorKind::runtime,
              join("arange: invalid size, possible overflow: from ", start.to_double(), " to ",
                   end.to_double(), " by ", step.to_double()));
}

// The length of a range of real numbers.
int64_t real_length(const Number& start, const Number& end, const Number& step) {
  const double length = std::ceil((end.to_double() - start.to_double()) / step.to_double());
  if (!(length < 9223372036854775808.0)) refuse_length(start, end, step);
  return static_cast<int64_t>(length);
}

// A range of integers: bounds and step lose their fractions. As PyTorch has it, its length is
// counted before they do where the dtype is smaller than int64.
Tensor integer_range(const Number& start, const Number& end, const Number& step, DType type) {
  for (const Number* number : {&start, &end, &step}) check_fits("arange", *number, DType::int64);
  const int64_t from = start.to_int(), to = end.to_int(), by = step.to_int();
  if (by == 0)
    throw Error(ErrorKind::value,
                join("arange: step must be nonzero, got ", step.to_double(), ", which is 0 as ",
                     name(type), "; choose a floating dtype, or a step of 1 or more"));
  const bool whole = !start.is_floating() && !end.is_floating() && !step.is_floating();
  const bool counted_first = !whole && type != DType::int64;
  const uint64_t length = counted_first ? static_cast<uint64_t>(real_length(start, end, step))
                                        : steps_between(from, to, by);
  if (length > static_cast<uint64_t>(most(DType::int64))) refuse_length(start, end, step);
  const int64_t n = static_cast<int64_t>(length);
  if (n > 0) {
    const uint64_t last = static_cast<uint64_t>(from) + (length - 1) * static_cast<uint64_t>(by);
    check_fits("arange", Number(from), type);
    check_fits("arange", Number(static_cast<int64_t>(last)), type);
  }
  const DType computed = counted_in(type);
  Tensor out = empty({n}, computed);
  program::launch(kernels::kIota, computed, {out},
                  kernels::Iota{n, program::integer(n > 0 ? from : 0), program::integer(by)});
  return ops::to(out, type);
}

Tensor arange(const Number& start, const Number& end, const Number& step,
              std::optional<DType> dtype, bool requires_grad) {
  const double from = start.to_double(), to = end.to_double(), by = step.to_double();
  if (!(by > 0 || by < 0)) throw Error(ErrorKind::runtime, "arange: step must be nonzero");
  if (!std::isfinite(from) || !std::isfinite(to))
    throw Error(ErrorKind::runtime, join("arange: unsupported range: ", from, " -> ", to));
  const bool whole = !start.is_floating() && !end.is_floating() && !step.is_floating();
  const bool backwards = whole ? start.to_int() > end.to_int() : from > to;
  const bool forwards = whole ? start.to_int() < end.to_int() : from < to;
  if (by > 0 ? backwards : forwards) {
    throw Error(ErrorKind::runtime,
                join("arange: upper bound and lower bound inconsistent with step sign: from ", from,
                     " to ", to, " by ", by));
  }
  const DType type = dtype.value_or(whole ? DType::int64 : default_dtype());
  if (!is_floating(type)) return marked(integer_range(start, end, step, type), requires_grad);
  const int64_t n = real_length(start, end, step);
  Tensor out = empty({n}, type);
  program::launch(kernels::kIota, type, {out},
                  kernels::Iota{n, program::real(from), program::real(by)});
  return marked(out, requires_grad);
}

Tensor arange_to(const Number& end, std::optional<DType> dtype, bool requires_grad) {
  return arange(0, end, 1, dtype, requires_grad);
}

Tensor linspace(const Number& start, const Number& end, int64_t steps, std::optional<DType> dtype,
                bool requires_grad) {
  if (steps < 0)
    throw Error(ErrorKind::runtime,
                join("linspace: number of steps must be non-negative, got ", steps));
  const DType type = dtype.value_or(default_dtype());
  if (type == DType::boolean)
    throw Error(ErrorKind::not_implemented,
                "\"linspace\" not implemented for 'bool': expected numbers; compare them, as in "
                "`steep.linspace(0, 1, 5) > 0.5`");
  Tensor out = empty({steps}, type);
  if (steps > 0) {
    const Number& last = steps > 1 ? end : start;
    for (const Number* bound : {&start, &last}) check_fits("linspace", *bound, type);
    program::launch(kEven, type, {out},
                    Spacing{steps, start.as_scalar(type), last.as_scalar(type)});
  }
  return marked(out, requires_grad);
}

// base to the power of evenly spaced exponents, worked out in float64.
Tensor logspace(const Number& start, const Number& end, int64_t steps, double base,
                std::optional<DType> dtype, bool requires_grad) {
  if (steps < 0)
    throw Error(ErrorKind::runtime,
                join("logspace: number of steps must be non-negative, got ", steps));
  const DType type = dtype.value_or(default_dtype());
  const Tensor exponents =
      linspace(Number(start.to_double()), Number(end.to_double()), steps, DType::float64, false);
  return marked(ops::to(pow({{}, Number(base)}, {exponents, {}}), type), requires_grad);
}

// Bounds that are 0-d tensors are read.
Number bound_of(const char* op, const TensorOrNumber& bound) {
  if (!bound.is_tensor()) return bound.number;
  if (bound.tensor.dim() != 0)
    throw Error(ErrorKind::runtime,
                join(op, ": only supports 0-dimensional start and end tensors, but got one of ",
                     to_string(bound.tensor.shape())));
  return item(bound.tensor);
}
Tensor linspace_between(const TensorOrNumber& start, const TensorOrNumber& end, int64_t steps,
                        std::optional<DType> dtype, bool requires_grad) {
  return linspace(bound_of("linspace", start), bound_of("linspace", end), steps, dtype,
                  requires_grad);
}
Tensor logspace_between(const TensorOrNumber& start, const TensorOrNumber& end, int64_t steps,
                        double base, std::optional<DType> dtype, bool requires_grad) {
  return logspace(bound_of("logspace", start), bound_of("logspace", end), steps, base, dtype,
                  requires_grad);
}

void register_range(Registry& registry) {
  registry.add<&arange_to>(
      "arange", kFunction | kOut, "(end: Number, *, " STEEP_OPTIONS ") -> Tensor",
      R"(Numbers from start (0) up to, not including, end in steps of step (1): start + i * step.

dtype defaults to int64 for integers, else to the default floating dtype; where it is of integers,
fractions are cut off. Raises RuntimeError for step 0, for bounds that step leads away from, and for
numbers that the dtype cannot hold; ValueError for a step that is 0 once its fraction is cut off.

>>> steep.arange(4)
tensor([0, 1, 2, 3])
>>> steep.arange(1, 2, 0.5)
tensor([1.0000, 1.5000])
)");
  registry.add<&arange>("arange", kFunction | kOut,
                        "(start: Number, end: Number, step: Number = 1, *, " STEEP_OPTIONS
                        ") -> Tensor",
                        "See arange(end).");
  registry.add<&linspace>("linspace", kFunction | kOut,
                          "(start: Number, end: Number, steps: int, *, " STEEP_OPTIONS
                          ") -> Tensor",
                          R"(steps numbers evenly spaced from start to end, both included.

Where the dtype is of integers, the fractions of the ends and of what lies between are cut off. Ends
may be 0-d tensors. Raises RuntimeError when steps is negative, and for ends that the dtype cannot
hold.

>>> steep.linspace(0, 1, 5)
tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
)");
  for (const char* ends :
       {"(start: Tensor, end: Tensor, steps: int, *, " STEEP_OPTIONS ") -> Tensor",
        "(start: Tensor, end: Number, steps: int, *, " STEEP_OPTIONS ") -> Tensor",
        "(start: Number, end: Tensor, steps: int, *, " STEEP_OPTIONS ") -> Tensor"})
    registry.add<&linspace_between>("linspace", kFunction | kOut, ends,
                                    "See linspace(start, end, steps).");
  registry.add<&logspace>(
      "logspace", kFunction | kOut,
      "(start: Number, end: Number, steps: int, base: float = 10.0, "
      "*, " STEEP_OPTIONS ") -> Tensor",
      R"(Powers of base, their exponents evenly spaced from start to end, both included.

Shape: (steps). Ends may be 0-d tensors. Raises RuntimeError when steps is negative.

>>> steep.logspace(0, 2, 3)
tensor([  1.,  10., 100.])
)");
  for (const char* ends :
       {"(start: Tensor, end: Tensor, steps: int, base: float = 10.0, *, " STEEP_OPTIONS
        ") -> Tensor",
        "(start: Tensor, end: Number, steps: int, base: float = 10.0, *, " STEEP_OPTIONS
        ") -> Tensor",
        "(start: Number, end: Tensor, steps: int, base: float = 10.0, *, " STEEP_OPTIONS
        ") -> Tensor"})
    registry.add<&logspace_between>("logspace", kFunction | kOut, ends,
                                    "See logspace(start, end, steps).");
}

const Registration registered("creation", register_range);

}  // namespace

}  // namespace steep::ops
