#include "kernels/pool/average_pool.h"

#include "kernels/isa.h"
#include "kernels/pool/windows.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
// Of each rank: a row of the image, and two of results.
int64_t scratch(const LaunchView& launch, int /*threads*/) {
  const AveragePool& pool = launch.as<AveragePool>();
  return (pool.width.in + 2 * pool.width.out) * launch.element_size;
}
Cost cost(const LaunchView& launch) {
  const AveragePool& pool = launch.as<AveragePool>();
  const PoolAxis& height = pool.height;
  const auto elements = static_cast<double>(pool.planes * pool.depth.in * height.in);
  const auto overlap = static_cast<double>(height.kernel) / static_cast<double>(height.stride);
  return {elements * static_cast<double>(pool.width.in) * (1 + overlap), launch.bytes};
}
}  // namespace

Kernel kAveragePool =
    routine("average_pool", Kind::opaque, "wr").with_cost(cost).with_scratch(scratch, true);
Kernel kAveragePoolBack =
    routine("average_pool_back", Kind::opaque, "wr").with_cost(cost).with_scratch(scratch, true);
#endif

namespace {

// How many elements of an axis count for result o.
inline int64_t count_of(const PoolAxis& axis, int64_t o, bool padded) {
  if (axis.kernel == 0 || !padded) {
    const Range window = window_of(axis, o);
    return window.end - window.begin;
  }
  const int64_t begin = o * axis.stride - axis.lead, end = begin + axis.kernel;
  return (end < axis.in + axis.lead ? end : axis.in + axis.lead) - begin;
}

template <class T>
struct Room {
  T* row;     // of the image
  T* values;  // of a row of results
  T* counts;  // elements along the width, of each result of a row
};

// Lays out the scratch, and counts.
template <class T>
Room<T> room_for(const Task& task) {
  const AveragePool& pool = arguments<AveragePool>(task);
  T* row = static_cast<T*>(task.scratch);
  const Room<T> room{row, row + pool.width.in, row + pool.width.in + pool.width.out};
  for (int64_t o = 0; o < pool.width.out; ++o) {
    const int64_t counted = count_of(pool.width, o, pool.padded);
    room.counts[o] = static_cast<T>(pool.divisor ? pool.divisor : counted);
  }
  return room;
}

// What the counts along the width are multiplied by, of a row of results.
template <class T>
T rows_counted(const AveragePool& pool, int64_t d, int64_t h) {
  if (pool.divisor) return T(1);
  return static_cast<T>(count_of(pool.depth, d, pool.padded) *
                        count_of(pool.height, h, pool.padded));
}

template <class T>
STEEP_INLINE void add_row(T* __restrict to, const T* __restrict from, int64_t n) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) to[j] += from[j];
}

// Calls f(row) for the rows of a window, numbered within the plane.
template <class F>
STEEP_INLINE void for_rows(const AveragePool& pool, int64_t d, int64_t h, F f) {
  const Range depth = window_of(pool.depth, d), height = window_of(pool.height, h);
  for (int64_t z = depth.begin; z < depth.end; ++z) {
    for (int64_t y = height.begin; y < height.end; ++y) f(z * pool.height.in + y);
  }
}

// n results take x[j * stride]. kStride 0: any.
template <int kStride, class T>
STEEP_INLINE void take(T* __restrict out, const T* __restrict x, int64_t stride, int64_t n) {
  const int64_t step = kStride ? kStride : stride;
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) out[j] += x[j * step];
}

// out[o]: the sum of the window o of one row.
template <class T>
void sum_along(const PoolAxis& axis, const T* row, T* out) {
  for (int64_t o = 0; o < axis.out; ++o) out[o] = 0;
  if (axis.kernel == 0) {
    for (int64_t o = 0; o < axis.out; ++o) {
      const Range window = window_of(axis, o);
      for (int64_t w = window.begin; w < window.end; ++w) out[o] += row[w];
    }
    return;
  }
  for_places(axis, {0, axis.out}, [&](int64_t k, Range some) {
    const T* x = row + some.begin * axis.stride + k - axis.lead;
    const int64_t n = some.end - some.begin;
    if (axis.stride == 1) {
      take<1>(out + some.begin, x, 1, n);
    } else if (axis.stride == 2) {
      take<2>(out + some.begin, x, 2, n);
    } else {
      take<0>(out + some.begin, x, axis.stride, n);
    }
  });
}

// row[w]: the sum of the results whose windows it is in.
template <class T>
void spread_along(const PoolAxis& axis, const T* values, T* row) {
  for (int64_t w = 0; w < axis.in; ++w) row[w] = 0;
  if (axis.kernel == 0) {
    for (int64_t o = 0; o < axis.out; ++o) {
      const Range window = window_of(axis, o);
      for (int64_t w = window.begin; w < window.end; ++w) row[w] += values[o];
    }
    return;
  }
  for_places(axis, {0, axis.out}, [&](int64_t k, Range some) {
    for (int64_t o = some.begin; o < some.end; ++o) {
      row[o * axis.stride + k - axis.lead] += values[o];
    }
  });
}

// Whether there is one window along the axis, and no end of it beyond the image.
inline bool is_whole(const PoolAxis& axis) {
  return axis.out == 1 && axis.kernel == axis.in && axis.lead == 0;
}

// Whether windows are whole planes, one after the other: the elements of one, or 0.
inline int64_t whole_planes(const AveragePool& pool) {
  const PoolAxis& depth = pool.depth;
  const bool slabs = depth.kernel == depth.stride && depth.kernel * depth.out == depth.in;
  if (!slabs || depth.lead != 0 || !is_whole(pool.height) || !is_whole(pool.width)) return 0;
  return depth.kernel * pool.height.in * pool.width.in;
}

// What sums of n elements are divided by.
template <class T>
T divisor_of(const AveragePool& pool, int64_t n) {
  return static_cast<T>(pool.divisor ? pool.divisor : n);
}

template <class T>
void average_planes(const Task& task, int64_t n) {
  const AveragePool& pool = arguments<AveragePool>(task);
  T* out = static_cast<T*>(task.data[0]);
  const Plain<T> x{static_cast<const T*>(task.data[1])};
  const T divisor = divisor_of<T>(pool, n);
  const Range mine = share(pool.planes * pool.depth.out, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    out[i] = reduce_row<Sum<T>>(x, i * n, n) / divisor;
  }
}

template <class T>
void spread_planes(const Task& task, int64_t n) {
  const AveragePool& pool = arguments<AveragePool>(task);
  T* x = static_cast<T*>(task.data[0]);
  const T* grad = static_cast<const T*>(task.data[1]);
  const T divisor = divisor_of<T>(pool, n);
  const Range mine = share(pool.planes * pool.depth.out, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const T each = grad[i] / divisor;
    for (int64_t j = 0; j < n; ++j) x[i * n + j] = each;
  }
}

template <class T>
void pool_row(const AveragePool& pool, const Room<T>& room, const T* plane, Range at, T* out) {
  const int64_t width = pool.width.in;
  const T rows = rows_counted<T>(pool, at.begin, at.end);
  bool first = true;
  for_rows(pool, at.begin, at.end, [&](int64_t row) {
    const T* x = plane + row * width;
    if (first) {
      for (int64_t w = 0; w < width; ++w) room.row[w] = x[w];
      first = false;
    } else {
      add_row(room.row, x, width);
    }
  });
  sum_along(pool.width, room.row, out);
#pragma omp simd
  for (int64_t o = 0; o < pool.width.out; ++o) out[o] = out[o] / (rows * room.counts[o]);
}

template <class T>
void average_pool(const Task& task) {
  const AveragePool& pool = arguments<AveragePool>(task);
  if (const int64_t n = whole_planes(pool)) return average_planes<T>(task, n);
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  const int64_t plane = pool.depth.in * pool.height.in * pool.width.in;
  const int64_t rows = pool.depth.out * pool.height.out;
  const Room<T> room = room_for<T>(task);
  const Range mine = share(pool.planes * rows, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t row = i % rows;
    pool_row(pool, room, x + i / rows * plane, {row / pool.height.out, row % pool.height.out},
             out + i * pool.width.out);
  }
}

template <class T>
void average_pool_back(const Task& task) {
  const AveragePool& pool = arguments<AveragePool>(task);
  if (const int64_t n = whole_planes(pool)) return spread_planes<T>(task, n);
  const int64_t plane = pool.depth.in * pool.height.in * pool.width.in;
  const int64_t rows = pool.depth.out * pool.height.out, n = pool.width.out;
  const Room<T> room = room_for<T>(task);
  const Range mine = share(pool.planes, 1, task.rank, task.size);
  for (int64_t p = mine.begin; p < mine.end; ++p) {
    T* x = static_cast<T*>(task.data[0]) + p * plane;
    const T* grad = static_cast<const T*>(task.data[1]) + p * rows * n;
    for (int64_t i = 0; i < plane; ++i) x[i] = 0;
    for (int64_t row = 0; row < rows; ++row, grad += n) {
      const int64_t d = row / pool.height.out, h = row % pool.height.out;
      const T counted = rows_counted<T>(pool, d, h);
#pragma omp simd
      for (int64_t o = 0; o < n; ++o) room.values[o] = grad[o] / (counted * room.counts[o]);
      spread_along(pool.width, room.values, room.row);
      for_rows(pool, d, h,
               [&](int64_t to) { add_row(x + to * pool.width.in, room.row, pool.width.in); });
    }
  }
}

}  // namespace

void STEEP_FILL(pool_average_pool)() {
  set_routine<float>(kAveragePool, average_pool<float>);
  set_routine<double>(kAveragePool, average_pool<double>);
  set_routine<int64_t>(kAveragePool, average_pool<int64_t>);
  set_routine<float>(kAveragePoolBack, average_pool_back<float>);
  set_routine<double>(kAveragePoolBack, average_pool_back<double>);
}

}  // namespace steep::kernels
