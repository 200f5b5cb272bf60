// Targets looked at before a loss trusts them. Each check is a launch of its own, so that a
// replayed program, whose targets are new every time, refuses bad ones as well.
#include <cmath>

#include "ops/loss/loss.h"

namespace steep::ops {

namespace {

// dims: n, classes, ignore_index.   scalars: the operation's name.   data: target int64[n]
void look_at_classes(const kernels::Task& task) {
  const int64_t n = task.dims[0], classes = task.dims[1], ignore_index = task.dims[2];
  const int64_t* target = static_cast<const int64_t*>(task.data[0]);
  const auto outside = [=](int64_t t) {
    return (static_cast<uint64_t>(t) >= static_cast<uint64_t>(classes)) & (t != ignore_index);
  };
  bool bad = false;
  for (int64_t i = 0; i < n; ++i) bad |= outside(target[i]);
  if (!bad) return;
  int64_t at = 0;
  while (!outside(target[at])) ++at;
  throw Error(ErrorKind::index,
              join(program::name_in(task), ": Target ", target[at],
                   " is out of bounds: expected classes in [0, ", classes,
                   ") or ignore_index=", ignore_index, ", got ", target[at], " at position ", at,
                   "; number the classes from 0, or give the input more of them"));
}

// dims: n.   scalars: the operation's name.   data: target T[n]
template <class T>
void look_for_infinite(const kernels::Task& task) {
  const T* target = static_cast<const T*>(task.data[0]);
  for (int64_t i = 0; i < task.dims[0]; ++i) {
    if (std::isfinite(target[i])) continue;
    throw Error(ErrorKind::value,
                join(program::name_in(task),
                     ": expected probabilities as target, got labels that are not finite: ",
                     target[i], " at position ", i, "; remove or repair that sample"));
  }
}

// dims: n.   scalars: the operation's name.   data: x T[n]
template <class T>
void look_for_outside_unit(const kernels::Task& task) {
  const T* x = static_cast<const T*>(task.data[0]);
  for (int64_t i = 0; i < task.dims[0]; ++i) {
    if (x[i] >= 0 && x[i] <= 1) continue;
    throw Error(
        ErrorKind::runtime,
        join(program::name_in(task), ": all elements of input should be between 0 and 1, got ",
             x[i], " at position ", i,
             "; apply sigmoid first, or use binary_cross_entropy_with_logits"));
  }
}

using program::checking;
constexpr Kernel kClasses = checking("check_classes", "r", look_at_classes);
constexpr Kernel kFinite[] = {checking("check_finite", "r", look_for_infinite<float>),
                              checking("check_finite", "r", look_for_infinite<double>)};
constexpr Kernel kUnit[] = {checking("check_unit_interval", "r", look_for_outside_unit<float>),
                            checking("check_unit_interval", "r", look_for_outside_unit<double>)};

Tensor plain(const Tensor& x) {
  const tape::GradMode off(false);
  return contiguous(x);
}

}  // namespace

void check_classes(const char* op, const Tensor& target, int64_t classes, int64_t ignore_index) {
  program::launch(kClasses, DType::int64, {target}, {target.numel(), classes, ignore_index},
                  {program::name_scalar(op)});
}

void check_finite(const char* op, const Tensor& target) {
  const Tensor values = plain(target);
  program::launch(kFinite[static_cast<int>(values.dtype())], values.dtype(), {values},
                  {values.numel()}, {program::name_scalar(op)});
}

void check_unit_interval(const char* op, const Tensor& x) {
  const Tensor values = plain(x);
  program::launch(kUnit[static_cast<int>(values.dtype())], values.dtype(), {values},
                  {values.numel()}, {program::name_scalar(op)});
}

}  // namespace steep::ops
