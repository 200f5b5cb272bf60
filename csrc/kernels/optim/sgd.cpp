#include "kernels/optim/sgd.h"

#include "kernels/optim/fused_step.h"
#include "kernels/optim/parameters.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const SgdStep& step = launch.as<SgdStep>();
  return update_cost(launch, launch.sizes_after<SgdStep>(), step.count, 4);
}
}  // namespace

Kernel kSgdStep = routine("sgd_step", Kind::opaque, "r*uru").with_cost(cost);

namespace {
FusedStep step = {
    &kSgdStep,
    "stochastic gradient descent",
    R"(With g = grad + weight_decay * p (grad negated to maximize): v = momentum * v + (1 - dampening) * g,
which is g itself at the first step; p = p - lr * v, or lr * (g + momentum * v) with nesterov.)",
    {"lr", "momentum", "dampening", "weight_decay"},
    {{"momentum_buffers", StateKind::optional}},
    {"nesterov", "maximize", "first"}};
const bool described = describe(step);
}  // namespace
#endif

namespace {

template <class T>
struct Sgd {
  T lr, momentum, undamped, weight_decay, sign;  // undamped: 1 - dampening
  T keep;                                        // of the buffer: momentum, or 0 at the first step
};

// The gradient with its sign and the weight decay.
template <bool kDecays, class T>
STEEP_INLINE T slope(T p, T grad, T sign, T weight_decay) {
  return kDecays ? vec::mul_add(weight_decay, p, sign * grad) : sign * grad;
}

template <bool kDecays, class T>
void sgd_plain(const Sgd<T>& a, T* __restrict p, const T* __restrict grad, int64_t n) {
  const T lr = a.lr, weight_decay = a.weight_decay, sign = a.sign;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    p[i] = vec::mul_add(-lr, slope<kDecays>(p[i], grad[i], sign, weight_decay), p[i]);
  }
}

template <bool kDecays, bool kNesterov, class T>
void sgd_momentum(const Sgd<T>& a, T* __restrict p, const T* __restrict grad, T* __restrict buffer,
                  int64_t n) {
  const T lr = a.lr, weight_decay = a.weight_decay, sign = a.sign;
  const T momentum = a.momentum, undamped = a.undamped, keep = a.keep;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T g = slope<kDecays>(p[i], grad[i], sign, weight_decay);
    const T v = faded(vec::mul_add(undamped, g, keep * buffer[i]));
    buffer[i] = v;
    p[i] = vec::mul_add(-lr, kNesterov ? vec::mul_add(momentum, v, g) : v, p[i]);
  }
}

template <bool kDecays, class T>
void sgd_step(const Task& task, const Sgd<T>& rule) {
  const SgdStep& step = arguments<SgdStep>(task);
  const bool momentum = step.momentum, nesterov = step.nesterov, first = step.first;
  for_parameters<T>(
      task, step.count, sizes_after<SgdStep>(task), 3, [&](int64_t i, int64_t begin, int64_t end) {
        void* const* data = task.data + 1 + 3 * i;
        T* p = static_cast<T*>(data[0]) + begin;
        const T* grad = static_cast<const T*>(data[1]) + begin;
        const int64_t n = end - begin;
        if (!momentum) return sgd_plain<kDecays>(rule, p, grad, n);
        T* buffer = static_cast<T*>(data[2]) + begin;
        if (first) __builtin_memset(buffer, 0, n * sizeof(T));  // whatever it held: it becomes g
        nesterov ? sgd_momentum<kDecays, true>(rule, p, grad, buffer, n)
                 : sgd_momentum<kDecays, false>(rule, p, grad, buffer, n);
      });
}

template <class T>
void sgd(const Task& task) {
  const auto* hyper = static_cast<const double*>(task.data[0]);
  const SgdStep& step = arguments<SgdStep>(task);
  Sgd<T> rule;
  rule.lr = static_cast<T>(hyper[0]);
  rule.momentum = static_cast<T>(hyper[1]);
  rule.undamped = step.first ? T(1) : static_cast<T>(1 - hyper[2]);
  rule.weight_decay = static_cast<T>(hyper[3]);
  rule.sign = step.maximize ? T(-1) : T(1);
  rule.keep = step.first ? T(0) : rule.momentum;
  hyper[3] != 0 ? sgd_step<true>(task, rule) : sgd_step<false>(task, rule);
}

}  // namespace

void STEEP_FILL(optim_sgd)() {
  set_routine<float>(kSgdStep, sgd<float>);
  set_routine<double>(kSgdStep, sgd<double>);
}

}  // namespace steep::kernels
