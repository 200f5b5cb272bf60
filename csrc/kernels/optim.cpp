// Steps of optimisers over many parameters at once.   dims: count, flags, then numel of each parameter
//
//   sgd   dims: count, has_momentum, nesterov, maximize, first
//         data: hyper f64[4] {lr, momentum, dampening, weight_decay}, then per parameter: p, grad, buffer|null
//   adam  dims: count, amsgrad, maximize, decoupled
//         data: hyper f64[5] {lr, beta1, beta2, eps, weight_decay}, then per parameter: p, grad, m, v, vmax|null,
//         step f32[1]
//
// The operations and their order are those of PyTorch's single-tensor updates, so that runs can be compared; where it
// multiplies and adds at once, so do we. hyper is read when the kernel runs. What depends on it and on the step alone is
// computed in double, and rounded to T once.
//
// The elements of all parameters, laid end to end, are shared between the ranks.

#include "isa.h"
#include "partition.h"
#include "table.h"
#include "vec_core.h"

namespace steep::kernels {
namespace {

// Calls work(parameter, begin, end) for this rank's elements of each parameter.
template <class Work>
void for_parameters(const Task& task, const int64_t* numel, Work work) {
  const int64_t count = task.dims[0];
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) total += numel[i];
  const Range mine = share(total, kChunk, task.rank, task.size);
  for (int64_t i = 0, start = 0; i < count && start < mine.end; start += numel[i++]) {
    const int64_t begin = mine.begin > start ? mine.begin - start : 0;
    const int64_t end = mine.end - start < numel[i] ? mine.end - start : numel[i];
    if (begin < end) work(i, begin, end);
  }
}

// ---- SGD ----

template <class T>
struct Sgd {
  T lr, momentum, undamped, weight_decay;  // undamped: 1 - dampening
  bool decays, nesterov, maximize, first;

  // The gradient with its sign and the weight decay.
  STEEP_INLINE T slope(T p, T grad) const {
    const T g = maximize ? -grad : grad;
    return decays ? vec::mul_add(weight_decay, p, g) : g;
  }
};

template <class T>
void sgd_plain(const Sgd<T>& a, T* __restrict p, const T* __restrict grad, int64_t n) {
  const Sgd<T> s = a;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) p[i] = vec::mul_add(-s.lr, s.slope(p[i], grad[i]), p[i]);
}

template <class T>
void sgd_momentum(const Sgd<T>& a, T* __restrict p, const T* __restrict grad, T* __restrict buffer,
                  int64_t n) {
  const Sgd<T> s = a;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T g = s.slope(p[i], grad[i]);
    const T moved = vec::mul_add(s.undamped, g, s.momentum * buffer[i]);
    const T v = s.first ? g : moved;
    const T ahead = vec::mul_add(s.momentum, v, g);
    buffer[i] = v;
    p[i] = vec::mul_add(-s.lr, s.nesterov ? ahead : v, p[i]);
  }
}

template <class T>
void sgd(const Task& task) {
  const auto* hyper = static_cast<const double*>(task.data[0]);
  const int64_t* flags = task.dims + 1;
  const Sgd<T> rule{static_cast<T>(hyper[0]),
                    static_cast<T>(hyper[1]),
                    static_cast<T>(1 - hyper[2]),
                    static_cast<T>(hyper[3]),
                    hyper[3] != 0,
                    flags[1] != 0,
                    flags[2] != 0,
                    flags[3] != 0};
  for_parameters(task, task.dims + 5, [&](int64_t i, int64_t begin, int64_t end) {
    void* const* data = task.data + 1 + 3 * i;
    T* p = static_cast<T*>(data[0]) + begin;
    const T* grad = static_cast<const T*>(data[1]) + begin;
    if (flags[0] != 0) {
      sgd_momentum(rule, p, grad, static_cast<T*>(data[2]) + begin, end - begin);
    } else {
      sgd_plain(rule, p, grad, end - begin);
    }
  });
}

// ---- Adam ----

// base^exponent for a whole exponent, by squaring: the same bits on every CPU.
inline double power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base) {
    if (exponent & 1) result *= base;
  }
  return result;
}

template <class T>
struct Adam {
  T step_size, root_correction, eps;  // lr / (1 - beta1^t), sqrt(1 - beta2^t)
  T beta2, rest1, rest2, one_less_rest1;  // rest: 1 - beta; one_less_rest1: 1 - (1 - beta1)
  T weight_decay, shrink;                 // shrink: 1 - lr * weight_decay, where decoupled
  bool decays, maximize, eager;           // eager: 1 - beta1 is at least 1/2, see lerp

  Adam(const double* hyper, const int64_t* flags, double step) {
    const double lr = hyper[0], beta1 = hyper[1], decay = hyper[4];
    const int64_t t = static_cast<int64_t>(step);
    const bool decoupled = flags[2] != 0;
    step_size = static_cast<T>(lr / (1 - power(beta1, t)));
    root_correction = static_cast<T>(vec::sqrt(1 - power(hyper[2], t)));
    eps = static_cast<T>(hyper[3]);
    beta2 = static_cast<T>(hyper[2]);
    rest1 = static_cast<T>(1 - beta1);
    rest2 = static_cast<T>(1 - hyper[2]);
    one_less_rest1 = 1 - rest1;
    weight_decay = static_cast<T>(decay);
    shrink = decoupled ? static_cast<T>(1 - lr * decay) : T(1);
    decays = decay != 0 && !decoupled;
    maximize = flags[1] != 0;
    eager = rest1 >= T(0.5);
  }

  // PyTorch's lerp(m, g, rest1): from the nearer end.
  STEEP_INLINE T lerp(T m, T g) const {
    const T difference = g - m;
    return eager ? vec::mul_add(-difference, one_less_rest1, g)
                 : vec::mul_add(rest1, difference, m);
  }
};

// vmax is null unless kAmsgrad.
template <bool kAmsgrad, class T>
void adam_update(const Adam<T>& a, T* __restrict p, const T* __restrict grad, T* __restrict m,
                 T* __restrict v, T* __restrict vmax, int64_t n) {
  const Adam<T> s = a;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T signed_grad = s.maximize ? -grad[i] : grad[i];
    const T g = s.decays ? vec::mul_add(s.weight_decay, p[i], signed_grad) : signed_grad;
    const T first = s.lerp(m[i], g);
    const T second = vec::mul_add(s.rest2 * g, g, v[i] * s.beta2);
    m[i] = first;
    v[i] = second;
    T largest = second;
    if constexpr (kAmsgrad) {
      largest = (vmax[i] > second) | (vmax[i] != vmax[i]) ? vmax[i] : second;  // NaN stays
      vmax[i] = largest;
    }
    const T denominator = vec::sqrt(largest) / s.root_correction + s.eps;
    p[i] = p[i] * s.shrink - s.step_size * first / denominator;
  }
}

template <class T>
void adam(const Task& task) {
  const auto* hyper = static_cast<const double*>(task.data[0]);
  const int64_t* flags = task.dims + 1;
  const bool amsgrad = flags[0] != 0;
  double step = 0;
  Adam<T> rule(hyper, flags, 1);
  for_parameters(task, task.dims + 4, [&](int64_t i, int64_t begin, int64_t end) {
    void* const* data = task.data + 1 + 6 * i;
    const double mine = static_cast<double>(*static_cast<const float*>(data[5]) + 1.0f);
    if (mine != step) rule = Adam<T>(hyper, flags, step = mine);
    T* p = static_cast<T*>(data[0]) + begin;
    const T* grad = static_cast<const T*>(data[1]) + begin;
    T* m = static_cast<T*>(data[2]) + begin;
    T* v = static_cast<T*>(data[3]) + begin;
    if (amsgrad) {
      adam_update<true>(rule, p, grad, m, v, static_cast<T*>(data[4]) + begin, end - begin);
    } else {
      adam_update<false, T>(rule, p, grad, m, v, nullptr, end - begin);
    }
  });
  task.barrier();  // everyone has read the steps
  if (task.rank != 0) return;
  for (int64_t i = 0; i < task.dims[0]; ++i) {
    *static_cast<float*>(task.data[1 + 6 * i + 5]) += 1.0f;
  }
}

}  // namespace

void STEEP_FILL(optim)(Table& table) {
  const auto set = [&](RoutineId id, Type type, Routine routine) {
    table.routines[static_cast<int>(id)][type] = routine;
  };
  set(RoutineId::sgd, kFloat32, sgd<float>);
  set(RoutineId::sgd, kFloat64, sgd<double>);
  set(RoutineId::adam, kFloat32, adam<float>);
  set(RoutineId::adam, kFloat64, adam<double>);
}

}  // namespace steep::kernels
