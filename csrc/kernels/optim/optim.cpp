// Steps of optimisers over many parameters at once.   dims: count, flags, then numel of each
// parameter
//
//   sgd   dims: count, has_momentum, nesterov, maximize, first
//         data: hyper f64[4] {lr, momentum, dampening, weight_decay},
//         then per parameter: p, grad, buffer|null
//   adam  dims: count, amsgrad, maximize, decoupled
//         data: hyper f64[5] {lr, beta1, beta2, eps, weight_decay},
//         then per parameter: p, grad, m, v, vmax|null, step f32[1]
//
// The operations and their order are those of PyTorch's single-tensor updates, so that runs can be
// compared; where it multiplies and adds at once, so do we, and where it divides all elements by
// one number, we multiply by the reciprocal. hyper is read when the kernel runs. What depends on it
// and on the step alone is computed in double, and rounded to T once.
//
// Every rank takes its share of each parameter, cut as the product that makes the gradient cuts its
// rows: what a rank has written, it finds in its own caches.

#include "kernels/isa.h"
#include "kernels/ownership.h"
#include "kernels/partition.h"
#include "kernels/simd/vec_core.h"
#include "kernels/table.h"

namespace steep::kernels {
namespace {

// A share of a parameter ends at a multiple of so many elements: whole lines of the cache. One with
// fewer for each rank is not worth cutting.
constexpr int64_t kGrain = 64;

// Parameters up to so many elements in all are in the caches of the cores that have read them.
constexpr int64_t kCached = 1 << 18;

// Calls work(parameter, begin, end) for this rank's elements of each parameter, whose tensors are
// `tensors` operands each. A small parameter goes to the rank that it falls to where all are laid
// end to end.
template <class T, class Work>
void for_parameters(const Task& task, const int64_t* numel, int tensors, Work work) {
  const int64_t count = task.dims[0];
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) total += numel[i];
  int64_t start = 0;
  for (int64_t i = 0; i < count; start += numel[i++]) {
    Range mine = share(numel[i], kGrain, task.rank, task.size);
    if (numel[i] < kGrain * task.size) {
      const int64_t owner = (start + numel[i] / 2) * task.size / (total > 0 ? total : 1);
      mine = {0, owner == task.rank ? numel[i] : 0};
    }
    if (mine.begin >= mine.end) continue;
    if (task.size > 1 && total <= kCached) {
      T* const parameter = static_cast<T*>(task.data[1 + tensors * i]);
      constexpr auto kSize = static_cast<int64_t>(sizeof(T));
      take_back(parameter + mine.begin, ceil_div((mine.end - mine.begin) * kSize, kCacheLine),
                kCacheLine);
    }
    work(i, mine.begin, mine.end);
  }
}

// What a rule has in common for all elements is copied into locals before its loop, and what would
// be a condition inside it is a template parameter or a factor: sign is -1 to maximize.

// The moving averages of a gradient that has become 0 fade until they are subnormal, on which most
// CPUs compute several times slower (measured: the whole step, two and a half times); nothing can
// come of such small ones, so they are 0. NaN stays.
template <class T>
STEEP_INLINE T faded(T x) {
  return vec::abs(x) < vec::Format<T>::kMinNormal ? T(0) : x;
}

// ---- SGD ----

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
  const int64_t* flags = task.dims + 1;
  const bool momentum = flags[0] != 0, nesterov = flags[1] != 0, first = flags[3] != 0;
  for_parameters<T>(task, task.dims + 5, 3, [&](int64_t i, int64_t begin, int64_t end) {
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
  const bool maximize = task.dims[3] != 0, first = task.dims[4] != 0;
  Sgd<T> rule;
  rule.lr = static_cast<T>(hyper[0]);
  rule.momentum = static_cast<T>(hyper[1]);
  rule.undamped = first ? T(1) : static_cast<T>(1 - hyper[2]);
  rule.weight_decay = static_cast<T>(hyper[3]);
  rule.sign = maximize ? T(-1) : T(1);
  rule.keep = first ? T(0) : rule.momentum;
  hyper[3] != 0 ? sgd_step<true>(task, rule) : sgd_step<false>(task, rule);
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
  T step_size, root_factor, eps;  // lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
  T rest1, beta2, rest2;          // rest: 1 - beta
  T weight_decay, shrink, sign;   // shrink: 1 - lr * weight_decay, where decoupled

  Adam(const double* hyper, const int64_t* flags, int64_t step) {
    const double lr = hyper[0], decay = hyper[4];
    step_size = static_cast<T>(lr / (1 - power(hyper[1], step)));
    root_factor = static_cast<T>(1 / vec::sqrt(1 - power(hyper[2], step)));
    eps = static_cast<T>(hyper[3]);
    rest1 = static_cast<T>(1 - hyper[1]);
    beta2 = static_cast<T>(hyper[2]);
    rest2 = static_cast<T>(1 - hyper[2]);
    weight_decay = static_cast<T>(decay);
    shrink = flags[2] != 0 ? static_cast<T>(1 - lr * decay) : T(1);
    sign = flags[1] != 0 ? T(-1) : T(1);
  }
};

// PyTorch's lerp: m + weight * (g - m) from the nearer end, which the weight alone decides.
template <class T>
struct Lerp {
  bool from_m;
  T factor;
  explicit Lerp(T weight) : from_m(weight < T(0.5)), factor(from_m ? weight : -(1 - weight)) {}
};

// vmax is null unless kAmsgrad; kDecays: the weight decay is part of the gradient.
template <bool kAmsgrad, bool kDecays, class T>
void adam_update(const Adam<T>& a, T* __restrict p, const T* __restrict grad, T* __restrict m,
                 T* __restrict v, T* __restrict vmax, int64_t n) {
  const T step_size = a.step_size, root_factor = a.root_factor, eps = a.eps;
  const T beta2 = a.beta2, rest2 = a.rest2, shrink = a.shrink;
  const T weight_decay = a.weight_decay, sign = a.sign;
  const Lerp<T> lerp(a.rest1);
  const bool from_m = lerp.from_m;
  const T factor = lerp.factor;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T plain = sign * grad[i], x = p[i], old = m[i];
    const T g = kDecays ? vec::mul_add(weight_decay, x, plain) : plain;
    const T first = faded(vec::mul_add(factor, g - old, from_m ? old : g));
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
  const int64_t* flags = task.dims + 1;
  int64_t step = 1;
  Adam<T> rule(hyper, flags, step);
  for_parameters<T>(task, task.dims + 4, 6, [&](int64_t i, int64_t begin, int64_t end) {
    void* const* data = task.data + 1 + 6 * i;
    const auto mine = static_cast<int64_t>(*static_cast<const float*>(data[5]) + 1.0f);
    if (mine != step) rule = Adam<T>(hyper, flags, step = mine);
    const auto at = [=](int k) { return static_cast<T*>(data[k]) + begin; };
    T* vmax = kAmsgrad ? at(4) : nullptr;
    adam_update<kAmsgrad, kDecays>(rule, at(0), at(1), at(2), at(3), vmax, end - begin);
  });
  task.barrier();  // everyone has read the steps
  if (task.rank != 0) return;
  for (int64_t i = 0; i < task.dims[0]; ++i) {
    *static_cast<float*>(task.data[1 + 6 * i + 5]) += 1.0f;
  }
}

template <class T>
void adam(const Task& task) {
  const bool amsgrad = task.dims[1] != 0, decoupled = task.dims[3] != 0;
  const bool decays = static_cast<const double*>(task.data[0])[4] != 0 && !decoupled;
  if (amsgrad) {
    decays ? adam_step<true, true, T>(task) : adam_step<true, false, T>(task);
  } else {
    decays ? adam_step<false, true, T>(task) : adam_step<false, false, T>(task);
  }
}

}  // namespace

void STEEP_FILL(optim_optim)(Table& table) {
  const auto set = [&](RoutineId id, Type type, Routine routine) {
    table.routines[static_cast<int>(id)][type] = routine;
  };
  set(RoutineId::sgd, kFloat32, sgd<float>);
  set(RoutineId::sgd, kFloat64, sgd<double>);
  set(RoutineId::adam, kFloat32, adam<float>);
  set(RoutineId::adam, kFloat64, adam<double>);
}

}  // namespace steep::kernels
