#include "kernels/optim/adam.h"

#include "kernels/optim/fused_step.h"
#include "kernels/optim/parameters.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const AdamStep& step = launch.as<AdamStep>();
  return update_cost(launch, launch.sizes_after<AdamStep>(), step.count, 14);
}
}  // namespace

Kernel kAdamStep = routine("adam_step", Kind::opaque, "r*uruuuu").with_cost(cost);

namespace {
FusedStep step = {
    &kAdamStep,
    "Adam",
    R"(m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; p = p - lr / (1 - beta1^t) * m /
(sqrt(v / (1 - beta2^t)) + eps), where t is the parameter's own step count, which the kernel raises
by one. With max_exp_avg_sqs it is AMSGrad, decoupled makes it AdamW.)",
    {"lr", "beta1", "beta2", "eps", "weight_decay"},
    {{"exp_avgs"},
     {"exp_avg_sqs"},
     {"max_exp_avg_sqs", StateKind::optional},
     {"steps", StateKind::number}},
    {"maximize", "decoupled"}};
const bool described = describe(step);
}  // namespace
#endif

namespace {

template <class T>
struct Adam {
  T step_size, root_factor, eps;  // lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
  T beta2, rest2;                 // rest: 1 - beta
  T shrink;                       // 1 - lr * weight_decay, where decoupled
  Lerp<T> to_m;
  Slope<T> slope;

  Adam(const double* hyper, const AdamStep& how, int64_t step)
      : eps(static_cast<T>(hyper[3])),
        beta2(static_cast<T>(hyper[2])),
        rest2(static_cast<T>(1 - hyper[2])),
        shrink(how.decoupled ? static_cast<T>(1 - hyper[0] * hyper[4]) : T(1)),
        to_m(static_cast<T>(1 - hyper[1])),
        slope(how.decoupled ? 0 : hyper[4], how.maximize) {
    step_size = static_cast<T>(hyper[0] / (1 - power(hyper[1], step)));
    root_factor = static_cast<T>(1 / vec::sqrt(1 - power(hyper[2], step)));
  }
};

// vmax is null unless kAmsgrad.
template <bool kAmsgrad, class T>
void adam_update(const Adam<T>& rule, T* __restrict p, const T* __restrict grad, T* __restrict m,
                 T* __restrict v, T* __restrict vmax, int64_t n) {
  const T step_size = rule.step_size, root_factor = rule.root_factor, eps = rule.eps,
          beta2 = rule.beta2, rest2 = rule.rest2, shrink = rule.shrink;
  const Lerp<T> to_m = rule.to_m;
  const Slope<T> slope = rule.slope;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T x = p[i], g = slope(x, grad[i]);
    const T first = faded(to_m(m[i], g));
    const T second = faded(vec::mul_add(rest2 * g, g, v[i] * beta2));
    T largest = second;
    if constexpr (kAmsgrad) {
      const T before = vmax[i];
      largest = (before > second) | (before != before) ? before : second;  // NaN stays
      vmax[i] = largest;
    }
    const T denominator = vec::mul_add(vec::sqrt(largest), root_factor, eps);
    m[i] = first;
    v[i] = second;
    p[i] = x * shrink - step_size * first / denominator;
  }
}

template <bool kAmsgrad, class T>
void adam_step(const Task& task) {
  const auto* hyper = static_cast<const double*>(task.data[0]);
  const AdamStep& how = arguments<AdamStep>(task);
  int64_t step = 1;
  Adam<T> rule(hyper, how, step);
  for_counted<T>(task, how.count, sizes_after<AdamStep>(task), 6,
                 [&](void* const* data, int64_t begin, int64_t end, int64_t mine) {
                   if (mine != step) rule = Adam<T>(hyper, how, step = mine);
                   const auto at = [=](int k) { return static_cast<T*>(data[k]) + begin; };
                   T* vmax = kAmsgrad ? at(4) : nullptr;
                   adam_update<kAmsgrad>(rule, at(0), at(1), at(2), at(3), vmax, end - begin);
                 });
}

template <class T>
void adam(const Task& task) {
  arguments<AdamStep>(task).amsgrad ? adam_step<true, T>(task) : adam_step<false, T>(task);
}

}  // namespace

void STEEP_FILL(optim_adam)() {
  set_routine<float>(kAdamStep, adam<float>);
  set_routine<double>(kAdamStep, adam<double>);
}

}  // namespace steep::kernels
