#include "kernels/resample/take.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kTake = routine("take", Kind::opaque, "wrrrr");
Kernel kTakeBack = routine("take_back", Kind::opaque, "wrrrr");
#endif

namespace {

struct Places {
  const int64_t *depth, *height, *width;
  explicit Places(const Task& task)
      : depth(static_cast<const int64_t*>(task.data[2])),
        height(static_cast<const int64_t*>(task.data[3])),
        width(static_cast<const int64_t*>(task.data[4])) {}
};

// The longest run of a row's places that follow one another: what lies between two paddings.
Range longest_run(const int64_t* places, int64_t n) {
  Range best{0, 0};
  for (int64_t begin = 0, j = 1; j <= n; ++j) {
    if (j < n && places[j] == places[j - 1] + 1) continue;
    if (j - begin > best.end - best.begin) best = {begin, j};
    begin = j;
  }
  return best;
}

template <class T>
void take_row(T* __restrict out, const T* __restrict x, const int64_t* places, int64_t n,
              Range run) {
  for (int64_t j = 0; j < run.begin; ++j) out[j] = x[places[j]];
  if (run.begin < run.end) {
    __builtin_memcpy(out + run.begin, x + places[run.begin], (run.end - run.begin) * sizeof(T));
  }
  for (int64_t j = run.end; j < n; ++j) out[j] = x[places[j]];
}

template <class T>
void take(const Task& task) {
  const Take& how = arguments<Take>(task);
  const Places places(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  const int64_t n = how.width.out, rows = how.depth.out * how.height.out;
  const Range run = longest_run(places.width, n);
  const Range mine = share(how.planes * rows, 1, task.rank, task.size);
  const T* before = nullptr;
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t d = i % rows / how.height.out, h = i % how.height.out;
    const T* from =
        x + ((i / rows * how.depth.in + places.depth[d]) * how.height.in + places.height[h]) *
                how.width.in;
    if (from == before) {
      __builtin_memcpy(out + i * n, out + (i - 1) * n, n * sizeof(T));
    } else {
      take_row(out + i * n, from, places.width, n, run);
    }
    before = from;
  }
}

template <class T>
STEEP_INLINE void add_run(T* __restrict x, const T* __restrict grad, int64_t n) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) x[j] += grad[j];
}

template <class T>
void take_back(const Task& task) {
  const Take& how = arguments<Take>(task);
  const Places places(task);
  const int64_t n = how.width.out, rows = how.depth.out * how.height.out;
  const int64_t plane = how.depth.in * how.height.in * how.width.in;
  const Range run = longest_run(places.width, n);
  const Range mine = share(how.planes, 1, task.rank, task.size);
  for (int64_t p = mine.begin; p < mine.end; ++p) {
    T* x = static_cast<T*>(task.data[0]) + p * plane;
    const T* grad = static_cast<const T*>(task.data[1]) + p * rows * n;
    for (int64_t i = 0; i < plane; ++i) x[i] = 0;
    for (int64_t i = 0; i < rows; ++i, grad += n) {
      const int64_t d = i / how.height.out, h = i % how.height.out;
      T* to = x + (places.depth[d] * how.height.in + places.height[h]) * how.width.in;
      for (int64_t j = 0; j < run.begin; ++j) to[places.width[j]] += grad[j];
      if (run.begin < run.end) {
        add_run(to + places.width[run.begin], grad + run.begin, run.end - run.begin);
      }
      for (int64_t j = run.end; j < n; ++j) to[places.width[j]] += grad[j];
    }
  }
}

}  // namespace

void STEEP_FILL(resample_take)() {
  set_routine<float>(kTake, take<uint32_t>);
  set_routine<double>(kTake, take<uint64_t>);
  set_routine<int64_t>(kTake, take<uint64_t>);
  set_routine<int32_t>(kTake, take<uint32_t>);
  set_routine<uint8_t>(kTake, take<uint8_t>);
  set_routine<bool>(kTake, take<uint8_t>);
  set_routine<float>(kTakeBack, take_back<float>);
  set_routine<double>(kTakeBack, take_back<double>);
}

}  // namespace steep::kernels
