#include "kernels/resample/resample.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const Resample& how = launch.as<Resample>();
  const auto results = static_cast<double>(how.outer * how.out * how.inner);
  return {2 * static_cast<double>(how.taps) * results, launch.bytes};
}
}  // namespace

Kernel kResample = routine("resample", Kind::opaque, "wrrr").with_cost(cost);
Kernel kResampleBack = routine("resample_back", Kind::opaque, "wrrr").with_cost(cost);
#endif

namespace {

template <class T>
struct Taps {
  const int64_t* place;
  const T* weight;
  explicit Taps(const Task& task)
      : place(static_cast<const int64_t*>(task.data[2])),
        weight(static_cast<const T*>(task.data[3])) {}
};

// A row of results whose neighbours lie side by side.
template <class T>
void along_row(const Resample& how, const Taps<T>& taps, T* __restrict out, const T* __restrict x) {
  const int64_t n = how.out;
#pragma omp simd
  for (int64_t o = 0; o < n; ++o) out[o] = taps.weight[o] * x[taps.place[o]];
  for (int64_t k = 1; k < how.taps; ++k) {
    const int64_t* __restrict place = taps.place + k * n;
    const T* __restrict weight = taps.weight + k * n;
#pragma omp simd
    for (int64_t o = 0; o < n; ++o) out[o] = vec::mul_add(weight[o], x[place[o]], out[o]);
  }
}

template <class T>
STEEP_INLINE void scale_row(T* __restrict out, const T* __restrict x, T weight, int64_t n) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) out[j] = weight * x[j];
}

template <class T>
STEEP_INLINE void add_row(T* __restrict out, const T* __restrict x, T weight, int64_t n) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) out[j] = vec::mul_add(weight, x[j], out[j]);
}

template <class T>
void resample(const Task& task) {
  const Resample& how = arguments<Resample>(task);
  const Taps<T> taps(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  if (how.inner == 1) {
    const Range mine = share(how.outer, 1, task.rank, task.size);
    for (int64_t i = mine.begin; i < mine.end; ++i) {
      along_row(how, taps, out + i * how.out, x + i * how.in);
    }
    return;
  }
  const Range mine = share(how.outer * how.out, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t o = i % how.out;
    const T* plane = x + i / how.out * how.in * how.inner;
    scale_row(out + i * how.inner, plane + taps.place[o] * how.inner, taps.weight[o], how.inner);
    for (int64_t k = 1; k < how.taps; ++k) {
      const int64_t at = k * how.out + o;
      add_row(out + i * how.inner, plane + taps.place[at] * how.inner, taps.weight[at], how.inner);
    }
  }
}

template <class T>
void resample_back(const Task& task) {
  const Resample& how = arguments<Resample>(task);
  const Taps<T> taps(task);
  const int64_t plane = how.in * how.inner;
  const Range mine = share(how.outer, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    T* x = static_cast<T*>(task.data[0]) + i * plane;
    const T* grad = static_cast<const T*>(task.data[1]) + i * how.out * how.inner;
    for (int64_t j = 0; j < plane; ++j) x[j] = 0;
    for (int64_t o = 0; o < how.out; ++o) {
      for (int64_t k = 0; k < how.taps; ++k) {
        const int64_t at = k * how.out + o;
        T* to = x + taps.place[at] * how.inner;
        if (how.inner == 1) {
          *to = vec::mul_add(taps.weight[at], grad[o], *to);
        } else {
          add_row(to, grad + o * how.inner, taps.weight[at], how.inner);
        }
      }
    }
  }
}

template <class T>
void fill() {
  set_routine<T>(kResample, resample<T>);
  set_routine<T>(kResampleBack, resample_back<T>);
}

}  // namespace

void STEEP_FILL(resample_resample)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
