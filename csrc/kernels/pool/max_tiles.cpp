#include "kernels/pool/max_tiles.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kMaxTiles = routine("max_tiles", Kind::opaque, "wwr");
Kernel kMaxTilesPut = routine("max_tiles_put", Kind::opaque, "wrr");
#endif

namespace {

// n windows see the pairs of one row, places `code` and `code + 1` of theirs.
template <bool kFirst, bool kPlaced, class T>
STEEP_INLINE void see_pairs(T* __restrict out, uint8_t* __restrict place, const T* __restrict x,
                            int64_t n, int code) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    const T a = x[2 * j], b = x[2 * j + 1];
    T best = a;
    int at = code;
    if constexpr (!kFirst) {
      const bool take = (a > out[j]) | (a != a);
      best = take ? a : out[j];
      if constexpr (kPlaced) at = take ? code : place[j];
    }
    const bool take = (b > best) | (b != b);
    out[j] = take ? b : best;
    if constexpr (kPlaced) place[j] = static_cast<uint8_t>(take ? code + 1 : at);
  }
}

// The rows of the image that belong to a row of windows: f(row within the plane, its number).
template <class F>
STEEP_INLINE void for_rows(const MaxPool& pool, int64_t d, int64_t h, F f) {
  const int64_t deep = pool.depth.kernel, high = pool.height.kernel;
  for (int64_t r = 0; r < deep * high; ++r) {
    f((d * deep + r / high) * pool.height.in + h * high + r % high, static_cast<int>(r));
  }
}

template <bool kPlaced, class T>
void pool_rows(const MaxPool& pool, Range mine, T* out, uint8_t* place, const T* x) {
  const int64_t rows = pool.depth.out * pool.height.out, n = pool.width.out;
  const int64_t plane = pool.depth.in * pool.height.in;
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t p = i / rows, d = i % rows / pool.height.out, h = i % pool.height.out;
    for_rows(pool, d, h, [&](int64_t row, int r) {
      const T* from = x + (p * plane + row) * pool.width.in;
      uint8_t* at = kPlaced ? place + i * n : nullptr;
      if (r == 0) {
        see_pairs<true, kPlaced>(out + i * n, at, from, n, 0);
      } else {
        see_pairs<false, kPlaced>(out + i * n, at, from, n, 2 * r);
      }
    });
  }
}

template <class T>
void max_tiles(const Task& task) {
  const MaxPool& pool = arguments<MaxPool>(task);
  T* out = static_cast<T*>(task.data[0]);
  uint8_t* place = static_cast<uint8_t*>(task.data[1]);
  const T* x = static_cast<const T*>(task.data[2]);
  const Range mine = share(pool.planes * pool.depth.out * pool.height.out, 1, task.rank, task.size);
  place ? pool_rows<true>(pool, mine, out, place, x) : pool_rows<false>(pool, mine, out, place, x);
}

// Writes one row of the image: the gradients of the windows whose place is in it.
template <class T>
STEEP_INLINE void put_pairs(T* __restrict x, const T* __restrict grad,
                            const uint8_t* __restrict place, int64_t n, int code) {
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    const int at = place[j];
    x[2 * j] = at == code ? grad[j] : T(0);
    x[2 * j + 1] = at == code + 1 ? grad[j] : T(0);
  }
}

// The planes of the image, every element once.
template <class T>
void put(const Task& task) {
  const MaxPool& pool = arguments<MaxPool>(task);
  const T* grad = static_cast<const T*>(task.data[1]);
  const uint8_t* place = static_cast<const uint8_t*>(task.data[2]);
  const int64_t n = pool.width.out, width = pool.width.in;
  const int64_t deep = pool.depth.kernel, high = pool.height.kernel;
  const Range mine = share(pool.planes, 1, task.rank, task.size);
  T* x = static_cast<T*>(task.data[0]) + mine.begin * pool.depth.in * pool.height.in * width;
  for (int64_t p = mine.begin; p < mine.end; ++p) {
    for (int64_t z = 0; z < pool.depth.in; ++z) {
      for (int64_t y = 0; y < pool.height.in; ++y, x += width) {
        const int64_t d = z / deep, h = y / high;
        const bool inside = d < pool.depth.out && h < pool.height.out;
        if (inside) {
          const int64_t row = ((p * pool.depth.out + d) * pool.height.out + h) * n;
          const int64_t number = z % deep * high + y % high;
          put_pairs(x, grad + row, place + row, n, static_cast<int>(2 * number));
        }
        for (int64_t w = inside ? 2 * n : 0; w < width; ++w) x[w] = 0;
      }
    }
  }
}

template <class T>
void fill() {
  set_routine<T>(kMaxTiles, max_tiles<T>);
  set_routine<T>(kMaxTilesPut, put<T>);
}

}  // namespace

void STEEP_FILL(pool_max_tiles)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
