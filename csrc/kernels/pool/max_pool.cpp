#include "kernels/pool/max_pool.h"

#include <limits>

#include "kernels/isa.h"
#include "kernels/pool/windows.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
// An axis that is cut evenly has windows of about in / out.
double window(const PoolAxis& axis) {
  return axis.kernel ? static_cast<double>(axis.kernel)
                     : static_cast<double>(axis.in) / static_cast<double>(axis.out);
}
Cost cost(const LaunchView& launch) {
  const MaxPool& pool = launch.as<MaxPool>();
  const auto results = static_cast<double>(pool.planes * pool.depth.out * pool.height.out);
  const double each = window(pool.depth) * window(pool.height) * window(pool.width);
  return {2 * results * static_cast<double>(pool.width.out) * each, launch.bytes};
}
}  // namespace

Kernel kMaxPool = routine("max_pool", Kind::opaque, "wwr").with_cost(cost);
#endif

namespace {

constexpr int64_t kResults = 256;  // of a row, taken together
constexpr int64_t kFew = 4;        // a row of fewer is not worth a loop for each place

// Places are counted in integers as wide as T, so that one comparison picks both.
template <class T>
auto as_wide() {
  if constexpr (sizeof(T) == 8) {
    return int64_t{};
  } else {
    return int32_t{};
  }
}
template <class T>
using Place = decltype(as_wide<T>());

template <class T>
constexpr bool kFloat = static_cast<T>(0.5) != 0;

template <class T>
STEEP_INLINE bool is_nan(T x) {
  if constexpr (kFloat<T>) {
    return x != x;
  } else {
    return false;
  }
}

template <class T>
T least() {
  if constexpr (kFloat<T>) {
    return -vec::infinity<T>();
  } else {
    return std::numeric_limits<T>::min();
  }
}

// The best of each result so far, and where it was found; -1: nowhere yet.
template <class T>
struct Best {
  alignas(64) T value[kResults];
  alignas(64) Place<T> place[kResults];
};

// n results see element x[j * stride]. kStride 0: any.
template <int kStride, bool kPlaced, class T>
STEEP_INLINE void see(T* __restrict best, Place<T>* __restrict place, const T* __restrict x,
                      int64_t stride, int64_t n, Place<T> here) {
  const int64_t step = kStride ? kStride : stride;
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    const T value = x[j * step];
    bool take = (value > best[j]) | is_nan(value);
    if constexpr (kPlaced) take |= place[j] < 0;
    best[j] = take ? value : best[j];
    if constexpr (kPlaced) place[j] = take ? here : place[j];
  }
}

// Calls f(row) for the rows of a window, numbered within the plane.
template <class F>
void for_rows(const MaxPool& pool, int64_t d, int64_t h, F f) {
  const Range depth = window_of(pool.depth, d), height = window_of(pool.height, h);
  for (int64_t z = depth.begin; z < depth.end; z += pool.depth.dilation) {
    for (int64_t y = height.begin; y < height.end; y += pool.height.dilation) {
      f(z * pool.height.in + y);
    }
  }
}

// A row of results: out[width.out], and place unless null.
template <int kStride, bool kPlaced, class T>
void pool_row(const MaxPool& pool, const T* plane, int64_t d, int64_t h, T* out, int64_t* place) {
  const PoolAxis& width = pool.width;
  Best<T> best;
  for (int64_t first = 0; first < width.out; first += kResults) {
    const Range some{first, width.out - first < kResults ? width.out : first + kResults};
    const int64_t n = some.end - first;
    for (int64_t j = 0; j < n; ++j) best.value[j] = least<T>(), best.place[j] = -1;
    for_rows(pool, d, h, [&](int64_t row) {
      const T* x = plane + row * width.in - width.lead;
      for_places(width, some, [&](int64_t k, Range results) {
        const int64_t j = results.begin - first, at = k * width.dilation;
        see<kStride, kPlaced>(best.value + j, best.place + j, x + at + results.begin * width.stride,
                              width.stride, results.end - results.begin,
                              static_cast<Place<T>>(row * width.in + at));
      });
    });
    for (int64_t j = 0; j < n; ++j) out[first + j] = best.value[j];
    if constexpr (kPlaced) {
      for (int64_t j = 0; j < n; ++j) {
        const int64_t moved = best.place[j] - width.lead + (first + j) * width.stride;
        place[first + j] = best.place[j] < 0 ? -1 : moved;
      }
    }
  }
}

// The same, result by result, whatever the windows.
template <class T>
void pool_each(const MaxPool& pool, const T* plane, int64_t d, int64_t h, T* out, int64_t* place) {
  for (int64_t o = 0; o < pool.width.out; ++o) {
    const Range window = window_of(pool.width, o);
    T best = least<T>();
    int64_t found = -1;
    for_rows(pool, d, h, [&](int64_t row) {
      const T* x = plane + row * pool.width.in;
      for (int64_t w = window.begin; w < window.end; w += pool.width.dilation) {
        const bool take = (x[w] > best) | is_nan(x[w]) | (found < 0);
        best = take ? x[w] : best;
        found = take ? row * pool.width.in + w : found;
      }
    });
    out[o] = best;
    if (place) place[o] = found;
  }
}

// Whether the better of two finds is the second: the larger one, or of equal ones the earlier, or of
// NaNs the later.
template <class T>
bool prefers(T best, Place<T> place, T value, Place<T> found) {
  if (is_nan(value)) return !is_nan(best) || found > place;
  return value > best || (value == best && found < place);
}

// A window that is a whole plane: kLanes elements side by side see it in turn.
template <class T>
void pool_plane(const MaxPool& pool, const T* plane, int64_t, int64_t, T* out, int64_t* place) {
  constexpr int kLanes = 16;
  const int64_t n = pool.depth.in * pool.height.in * pool.width.in;
  alignas(64) T best[kLanes];
  alignas(64) Place<T> found[kLanes];
  const int64_t lanes = n < kLanes ? n : kLanes;
  for (int64_t j = 0; j < lanes; ++j) best[j] = plane[j], found[j] = static_cast<Place<T>>(j);
  int64_t i = kLanes;
  for (; i + kLanes <= n; i += kLanes) {
#pragma omp simd
    for (int j = 0; j < kLanes; ++j) {
      const T value = plane[i + j];
      const bool take = (value > best[j]) | is_nan(value);
      best[j] = take ? value : best[j];
      found[j] = take ? static_cast<Place<T>>(i + j) : found[j];
    }
  }
  int64_t chosen = 0;
  for (int64_t j = 1; j < lanes; ++j) {
    if (prefers(best[chosen], found[chosen], best[j], found[j])) chosen = j;
  }
  T most = best[chosen];
  Place<T> at = found[chosen];
  for (; i < n; ++i) {
    const auto here = static_cast<Place<T>>(i);
    if (prefers(most, at, plane[i], here)) most = plane[i], at = here;
  }
  out[0] = most;
  if (place) place[0] = at;
}

inline bool is_whole(const PoolAxis& axis) {
  return axis.out == 1 && axis.kernel == axis.in && axis.lead == 0 && axis.dilation == 1;
}

template <class T>
using PoolRow = void (*)(const MaxPool&, const T*, int64_t, int64_t, T*, int64_t*);

// Whether the places of a plane, and of the kernel beyond it, can be counted in Place<T>.
template <class T>
bool fits(const MaxPool& pool) {
  const PoolAxis& width = pool.width;
  const double last = static_cast<double>(pool.depth.in) * static_cast<double>(pool.height.in) *
                          static_cast<double>(width.in) +
                      static_cast<double>(width.kernel) * static_cast<double>(width.dilation);
  return sizeof(Place<T>) == 8 || last < 2147483647.0;
}

// Integers, which are rarely pooled, have the plainest way alone.
template <class T>
PoolRow<T> way_of(const MaxPool& pool, bool placed) {
  if constexpr (kFloat<T>) {
    const int64_t stride = pool.width.stride;
    const bool plane = is_whole(pool.depth) && is_whole(pool.height) && is_whole(pool.width);
    if (plane && fits<T>(pool)) return pool_plane<T>;
    if (pool.width.kernel != 0 && pool.width.out >= kFew && fits<T>(pool)) {
      if (stride == 1) return placed ? pool_row<1, true, T> : pool_row<1, false, T>;
      if (stride == 2) return placed ? pool_row<2, true, T> : pool_row<2, false, T>;
      return placed ? pool_row<0, true, T> : pool_row<0, false, T>;
    }
  }
  return pool_each<T>;
}

template <class T>
void max_pool(const Task& task) {
  const MaxPool& pool = arguments<MaxPool>(task);
  T* out = static_cast<T*>(task.data[0]);
  int64_t* place = static_cast<int64_t*>(task.data[1]);
  const T* x = static_cast<const T*>(task.data[2]);
  const int64_t plane = pool.depth.in * pool.height.in * pool.width.in;
  const int64_t rows = pool.depth.out * pool.height.out;
  const PoolRow<T> way = way_of<T>(pool, place != nullptr);
  const Range mine = share(pool.planes * rows, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t p = i / rows, row = i % rows, at = i * pool.width.out;
    way(pool, x + p * plane, row / pool.height.out, row % pool.height.out, out + at,
        place ? place + at : nullptr);
  }
}

}  // namespace

void STEEP_FILL(pool_max_pool)() {
  set_routine<float>(kMaxPool, max_pool<float>);
  set_routine<double>(kMaxPool, max_pool<double>);
  set_routine<int64_t>(kMaxPool, max_pool<int64_t>);
  set_routine<int32_t>(kMaxPool, max_pool<int32_t>);
  set_routine<uint8_t>(kMaxPool, max_pool<uint8_t>);
}

}  // namespace steep::kernels
