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
  T rest1, beta2, rest2;          // rest: 1 - beta
  T weight_decay, shrink, sign;   // shrink: 1 - lr * weight_decay, where decoupled

  Adam(const double* hyper, const AdamStep& how, int64_t step) {
    const double lr = hyper[0], decay = hyper[4];
    step_size = static_cast<T>(lr / (1 - power(hyper[1], step)));
    root_factor = static_cast<T>(1 / vec::sqrt(1 - power(hyper[2], step)));
    eps = static_cast<T>(hyper[3]);
    rest1 = static_cast<T>(1 - hyper[1]);
    beta2 = static_cast<T>(hyper[2]);
    rest2 = static_cast<T>(1 - hyper[2]);
    weight_decay = static_cast<T>(decay);
    shrink = how.decoupled ? static_cast<T>(1 - lr * decay) : T(1);
    sign = how.maximize ? T(-1) : T(1);
  }
};

// vmax is null unless kAmsgrad; kDecays: the weight decay is part of the gradient.
template <bool kAmsgrad, bool kDecays, class T>
void adam_update(const Adam<T>& a, T* __restrict p, const T* __restrict grad, T* __restrict m,
                 T* __restrict v, T* __restrict vmax, int64_t n) {
  const T step_size = a.step_size, root_factor = a.root_factor, eps = a.eps;
  const T beta2 = a.beta2, rest2 = a.rest2, shrink = a.shrink;
  const T weight_decay = a.weight_decay, sign = a.sign;
  const Lerp<T> lerp(a.rest1);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T plain = sign * grad[i], x = p[i];
    const T g = kDecays ? vec::mul_add(weight_decay, x, plain) : plain;
    const T first = faded(lerp(m[i], g));
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

template <bool kAmsgrad, bool kDecays, class T>
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
                   adam_update<kAmsgrad, kDecays>(rule, at(0), at(1), at(2), at(3), vmax,
                                                  end - begin);
                 });
}

template <class T>
void adam(const Task& task) {
  const AdamStep& how = arguments<AdamStep>(task);
  const bool decays = static_cast<const double*>(task.data[0])[4] != 0 && !how.decoupled;
  if (how.amsgrad) {
    decays ? adam_step<true, true, T>(task) : adam_step<true, false, T>(task);
  } else {
    decays ? adam_step<false, true, T>(task) : adam_step<false, false, T>(task);
  }
}

}  // namespace

void STEEP_FILL(optim_adam)() {
  set_routine<float>(kAdamStep, adam<float>);
  set_routine<double>(kAdamStep, adam<double>);
}

}  // namespace steep::kernels
