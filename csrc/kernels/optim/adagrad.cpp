#include "kernels/optim/adagrad.h"

#include "kernels/optim/fused_step.h"
#include "kernels/optim/parameters.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const AdagradStep& step = launch.as<AdagradStep>();
  return update_cost(launch, launch.sizes_after<AdagradStep>(), step.count, 8);
}
}  // namespace

Kernel kAdagradStep = routine("adagrad_step", Kind::opaque, "r*uruu").with_cost(cost);

namespace {
FusedStep step = {
    &kAdagradStep,
    "Adagrad",
    R"(s = s + g^2; p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps), where t is the parameter's
own step count, which the kernel raises by one.)",
    {"lr", "lr_decay", "weight_decay", "eps"},
    {{"sums"}, {"steps", StateKind::number}},
    {"maximize"}};
const bool described = describe(step);
}  // namespace
#endif

namespace {

template <class T>
void adagrad_update(T rate, T eps, const Slope<T>& slope, T* __restrict p, const T* __restrict grad,
                    T* __restrict sum, int64_t n) {
  const Slope<T> slope_at = slope;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T x = p[i], g = slope_at(x, grad[i]);
    const T s = vec::mul_add(g, g, sum[i]);
    sum[i] = s;
    p[i] = x - rate * g / (vec::sqrt(s) + eps);
  }
}

template <class T>
void adagrad(const Task& task) {
  const auto* hyper = static_cast<const double*>(task.data[0]);
  const AdagradStep& how = arguments<AdagradStep>(task);
  const Slope<T> slope(hyper[2], how.maximize);
  for_counted<T>(
      task, how.count, sizes_after<AdagradStep>(task), 4,
      [&](void* const* data, int64_t begin, int64_t end, int64_t t) {
        const auto rate = static_cast<T>(hyper[0] / (1 + static_cast<double>(t - 1) * hyper[1]));
        const auto at = [=](int k) { return static_cast<T*>(data[k]) + begin; };
        adagrad_update(rate, static_cast<T>(hyper[3]), slope, at(0), at(1), at(2), end - begin);
      });
}

}  // namespace

void STEEP_FILL(optim_adagrad)() {
  set_routine<float>(kAdagradStep, adagrad<float>);
  set_routine<double>(kAdagradStep, adagrad<double>);
}

}  // namespace steep::kernels
