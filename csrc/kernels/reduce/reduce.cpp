// Reductions of floats, and the handles of all.
#include "kernels/reduce/reduce.h"

#include "kernels/isa.h"
#include "kernels/reduce/partial.h"
#include "kernels/reduce/routines.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
int64_t wide_scratch(const LaunchView& launch, int threads) {
  return partial_bytes(launch.as<DividedExtent>().extent, sizeof(double), threads);
}
constexpr Kernel wide_reduction(const char* name) {
  return reduction(name).with_scratch(wide_scratch).with_numbers(1);
}
}  // namespace

Kernel kSum = reduction("sum");
Kernel kProd = reduction("prod");
Kernel kMax = reduction("max");
Kernel kMin = reduction("min");
Kernel kAny = reduction("any");
Kernel kAll = reduction("all");
Kernel kWideMean = wide_reduction("wide_mean");
Kernel kVariance = wide_reduction("variance");
Kernel kDeviation = wide_reduction("deviation");
#endif

namespace {

template <class T>
struct Widened {
  using Value = double;
  static constexpr bool kInPlace = sizeof(T) == sizeof(double);
  const T* x;
  double divisor;
  double operator()(int64_t at, int64_t) const { return x[at]; }
  double finish(double value) const { return value / divisor; }
};

template <class T, bool kRoot>
struct SquaredDeviation {
  using Value = double;
  static constexpr bool kInPlace = false;
  const T* x;
  const double* mean;
  double divisor;
  double operator()(int64_t at, int64_t group) const {
    const double deviation = x[at] - mean[group];
    return deviation * deviation;
  }
  T finish(double value) const {
    const double variance = value / divisor;
    return static_cast<T>(kRoot ? vec::sqrt(variance) : variance);
  }
};

template <class T>
void wide_mean(const Task& task) {
  const auto* x = static_cast<const T*>(task.data[1]);
  reduce<Sum<double>, double>(task, Widened<T>{x, arguments<DividedExtent>(task).divisor});
}

template <class T, bool kRoot>
void spread(const Task& task) {
  const auto* x = static_cast<const T*>(task.data[1]);
  const auto* mean = static_cast<const double*>(task.data[2]);
  reduce<Sum<double>, T>(
      task, SquaredDeviation<T, kRoot>{x, mean, arguments<DividedExtent>(task).divisor});
}

template <class T>
void fill_floats() {
  fill_sums<T>();
  fill_extremes<T>();
  set_routine<T>(kWideMean, wide_mean<T>);
  set_routine<T>(kVariance, spread<T, false>);
  set_routine<T>(kDeviation, spread<T, true>);
}

}  // namespace

void STEEP_FILL(reduce_reduce)() {
  fill_floats<float>();
  fill_floats<double>();
}

}  // namespace steep::kernels
