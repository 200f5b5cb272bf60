#include "kernels/optim/nadam.h"

#include "kernels/optim/fused_step.h"
#include "kernels/optim/parameters.h"
#include "kernels/simd/vec_exp.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const NadamStep& step = launch.as<NadamStep>();
  return update_cost(launch, launch.sizes_after<NadamStep>(), step.count, 16);
}
}  // namespace

Kernel kNadamStep = routine("nadam_step", Kind::opaque, "r*uruuuu").with_cost(cost);

namespace {
FusedStep step = {
    &kNadamStep,
    "NAdam",
    R"(With mu(t) = beta1 * (1 - 0.96^(t * momentum_decay) / 2), and P their product up to t, m and v as in
Adam: p = p - lr * ((1 - mu(t)) / (1 - P) * g + mu(t + 1) / (1 - P * mu(t + 1)) * m) /
(sqrt(v / (1 - beta2^t)) + eps). The kernel raises the step counts t by one.)",
    {"lr", "beta1", "beta2", "eps", "weight_decay", "momentum_decay"},
    {{"exp_avgs"},
     {"exp_avg_sqs"},
     {"mu_products", StateKind::number},
     {"steps", StateKind::number}},
    {"maximize", "decoupled"}};
const bool described = describe(step);
}  // namespace
#endif

namespace {

// The momentum of step t.
double momentum_at(const double* hyper, int64_t t) {
  constexpr double kLog = -0.040821994520255166;  // of 0.96
  return hyper[1] * (1 - 0.5 * vec::exp(kLog * static_cast<double>(t) * hyper[5]));
}

// The product of the momenta, with that of step t.
float product_after(float product, const double* hyper, int64_t t) {
  return product * static_cast<float>(momentum_at(hyper, t));
}

template <class T>
struct Nadam {
  T root_factor, eps, beta2, rest2;  // 1 / sqrt(1 - beta2^t); rest: 1 - beta
  T of_grad, of_m;                   // what the step has of each
  T shrink;                          // 1 - lr * weight_decay, where decoupled
  Lerp<T> to_m;
  Slope<T> slope;

  Nadam(const double* hyper, const NadamStep& how, int64_t t, float before)
      : eps(static_cast<T>(hyper[3])),
        beta2(static_cast<T>(hyper[2])),
        rest2(static_cast<T>(1 - hyper[2])),
        shrink(how.decoupled ? static_cast<T>(1 - hyper[0] * hyper[4]) : T(1)),
        to_m(static_cast<T>(1 - hyper[1])),
        slope(how.decoupled ? 0 : hyper[4], how.maximize) {
    const double mu = momentum_at(hyper, t), next = momentum_at(hyper, t + 1);
    const double product = product_after(before, hyper, t);
    root_factor = static_cast<T>(1 / vec::sqrt(1 - power(hyper[2], t)));
    of_grad = static_cast<T>(hyper[0] * (1 - mu) / (1 - product));
    of_m = static_cast<T>(hyper[0] * next / (1 - product * next));
  }
};

template <class T>
void nadam_update(const Nadam<T>& rule, T* __restrict p, const T* __restrict grad, T* __restrict m,
                  T* __restrict v, int64_t n) {
  const T root_factor = rule.root_factor, eps = rule.eps, beta2 = rule.beta2, rest2 = rule.rest2,
          of_grad = rule.of_grad, of_m = rule.of_m, shrink = rule.shrink;
  const Lerp<T> to_m = rule.to_m;
  const Slope<T> slope = rule.slope;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T x = p[i], g = slope(x, grad[i]);
    const T first = faded(to_m(m[i], g));
    const T second = faded(vec::mul_add(rest2 * g, g, v[i] * beta2));
    const T denominator = vec::mul_add(vec::sqrt(second), root_factor, eps);
    m[i] = first;
    v[i] = second;
    p[i] = x * shrink - vec::mul_add(of_grad, g, of_m * first) / denominator;
  }
}

template <class T>
void nadam(const Task& task) {
  const auto* hyper = static_cast<const double*>(task.data[0]);
  const NadamStep& how = arguments<NadamStep>(task);
  for_counted<T>(task, how.count, sizes_after<NadamStep>(task), 6,
                 [&](void* const* data, int64_t begin, int64_t end, int64_t t) {
                   const Nadam<T> rule(hyper, how, t, *static_cast<const float*>(data[4]));
                   const auto at = [=](int k) { return static_cast<T*>(data[k]) + begin; };
                   nadam_update(rule, at(0), at(1), at(2), at(3), end - begin);
                 });
  if (task.rank != 0) return;
  for (int64_t i = 0; i < how.count; ++i) {
    void* const* data = task.data + 1 + 6 * i;
    auto* product = static_cast<float*>(data[4]);
    *product = product_after(*product, hyper, static_cast<int64_t>(*static_cast<float*>(data[5])));
  }
}

}  // namespace

void STEEP_FILL(optim_nadam)() {
  set_routine<float>(kNadamStep, nadam<float>);
  set_routine<double>(kNadamStep, nadam<double>);
}

}  // namespace steep::kernels
