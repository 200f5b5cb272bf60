// Targets looked at before a loss trusts them. Each check is a launch of its own, so that a
// replayed program, whose targets are new every time, refuses bad ones as well.
#include <cmath>

#include "ops/host.h"
#include "ops/loss/loss.h"

namespace steep::ops {

namespace {

struct Labels {
  const char* op;
  int64_t n, classes, ignore_index;
  int64_t ignores;  // 1: there is such an index
};
// Operands: target int64[n].
void look_at_classes(const kernels::Task& task) {
  const auto& [op, n, classes, ignore_index, ignores] = kernels::arguments<Labels>(task);
  const int64_t* target = static_cast<const int64_t*>(task.data[0]);
  const auto outside = [&labels = kernels::arguments<Labels>(task)](int64_t t) {
    return (static_cast<uint64_t>(t) >= static_cast<uint64_t>(labels.classes)) &
           ((t != labels.ignore_index) | !labels.ignores);
  };
  bool bad = false;
  for (int64_t i = 0; i < n; ++i) bad |= outside(target[i]);
  if (!bad) return;
  int64_t at = 0;
  while (!outside(target[at])) ++at;
  const std::string ignored = ignores ? join(" or ignore_index=", ignore_index) : std::string();
  throw Error(ErrorKind::index,
              join(op, ": Target ", target[at], " is out of bounds: expected classes in [0, ",
                   classes, ")", ignored, ", got ", target[at], " at position ", at,
                   "; number the classes from 0, or give the input more of them"));
}

struct Elements {
  const char* op;
  int64_t n;
};
// Operands: target T[n].
template <class T>
void look_for_infinite(const kernels::Task& task) {
  const auto& [op, n] = kernels::arguments<Elements>(task);
  const T* target = static_cast<const T*>(task.data[0]);
  for (int64_t i = 0; i < n; ++i) {
    if (std::isfinite(target[i])) continue;
    throw Error(ErrorKind::value,
                join(op, ": expected probabilities as target, got labels that are not finite: ",
                     target[i], " at position ", i, "; remove or repair that sample"));
  }
}

// Operands: x T[n].
template <class T>
void look_for_outside_unit(const kernels::Task& task) {
  const auto& [op, n] = kernels::arguments<Elements>(task);
  const T* x = static_cast<const T*>(task.data[0]);
  for (int64_t i = 0; i < n; ++i) {
    if (x[i] >= 0 && x[i] <= 1) continue;
    throw Error(
        ErrorKind::runtime,
        join(op, ": all elements of input should be between 0 and 1, got ", x[i], " at position ",
             i, "; apply sigmoid first, or use binary_cross_entropy_with_logits"));
  }
}

struct Allowed {
  const char* op;
  const char* what;
  int64_t n;
  AllowedNumbers numbers;
};
constexpr const char* kAllowed[] = {"numbers above -1", "numbers of at least 0", "1 or -1"};
// Operands: x T[n].  A NaN passes where only an order is asked for. Signs have a meaning besides, and
// a warning.
template <class T>
void look_for_refused(const kernels::Task& task) {
  const auto& [op, what, n, numbers] = kernels::arguments<Allowed>(task);
  const T* x = static_cast<const T*>(task.data[0]);
  for (int64_t i = 0; i < n; ++i) {
    const bool bad = numbers == AllowedNumbers::above_minus_one ? x[i] <= -1
                     : numbers == AllowedNumbers::not_negative  ? x[i] < 0
                                                                : x[i] != 1 && x[i] != -1;
    if (!bad) continue;
    const std::string text =
        join(op, ": expected ", kAllowed[static_cast<int64_t>(numbers)], " as ", what, ", got ",
             x[i], " at position ", i, "; remove or repair that element");
    if (numbers != AllowedNumbers::signs) throw Error(ErrorKind::value, text);
    host.warn(text);
    return;
  }
}

using program::checking;
constexpr Kernel kClasses =
    checking("check_classes", "r", program::routines_for<int64_t>(look_at_classes));
constexpr Kernel kFinite = checking(
    "check_finite", "r",
    program::routines_for<float, double>(look_for_infinite<float>, look_for_infinite<double>));
constexpr Kernel kUnit = checking("check_unit_interval", "r",
                                  program::routines_for<float, double>(
                                      look_for_outside_unit<float>, look_for_outside_unit<double>));
constexpr Kernel kAllowedNumbers =
    checking("check_numbers", "r",
             program::routines_for<float, double, int64_t>(
                 look_for_refused<float>, look_for_refused<double>, look_for_refused<int64_t>));

Tensor plain(const Tensor& x) {
  const tape::GradMode off(false);
  return contiguous(x);
}

}  // namespace

void check_classes(const char* op, const Tensor& target, int64_t classes,
                   std::optional<int64_t> ignore_index) {
  program::launch(
      kClasses, DType::int64, {target},
      Labels{op, target.numel(), classes, ignore_index.value_or(0), ignore_index.has_value()});
}

void check_finite(const char* op, const Tensor& target) {
  const Tensor values = plain(target);
  program::launch(kFinite, values.dtype(), {values}, Elements{op, values.numel()});
}

void check_unit_interval(const char* op, const Tensor& x) {
  const Tensor values = plain(x);
  program::launch(kUnit, values.dtype(), {values}, Elements{op, values.numel()});
}

void check_numbers(const char* op, const char* what, const Tensor& x, AllowedNumbers numbers) {
  const Tensor values = plain(is_floating(x.dtype()) ? x : to(x, DType::int64));
  program::launch(kAllowedNumbers, values.dtype(), {values},
                  Allowed{op, what, values.numel(), numbers});
}

}  // namespace steep::ops
