#include "kernels/pool/max_tiles.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kMaxTiles = routine("max_tiles", Kind::opaque, "wwr");
Kernel kMaxTilesPut = routine("max_tiles_put", Kind::opaque, "wrr");
#endif

namespace {

// Windows are taken eight at a time, in vectors that say so themselves: left to the compiler, the
// bytes of the places would make a loop of it that takes as many as bytes fit in a register, and
// rows are rarely as long. The last eight may have some in common with those before them, which are
// then computed twice.
constexpr int64_t kEight = 8;

template <class T>
struct Eight;
template <>
struct Eight<float> {
  typedef float Values __attribute__((vector_size(32)));
  typedef int32_t Places __attribute__((vector_size(32)));
};
template <>
struct Eight<double> {
  typedef double Values __attribute__((vector_size(64)));
  typedef int64_t Places __attribute__((vector_size(64)));
};
typedef uint8_t EightBytes __attribute__((vector_size(8)));

// Whether eight are compared in one instruction; if not, one by one is quicker.
template <class T>
constexpr bool kCompares = kEight * static_cast<int>(sizeof(T)) <= kVectorBytes;

template <class V, class T>
STEEP_INLINE void read(V& value, const T* from) {
  __builtin_memcpy(&value, from, sizeof(V));
}

// The larger of what windows have and see, and where that is.
template <class T>
STEEP_INLINE void see(typename Eight<T>::Values& best, typename Eight<T>::Places& place,
                      const typename Eight<T>::Values& value, int code) {
  const auto take = (value > best) | (value != value);
  best = take ? value : best;
  place = take ? typename Eight<T>::Places{} + code : place;
}

// The windows [at, at + 8) of a row; row(r) is the beginning of their row r of the image.
template <bool kPlaced, class T, class Row>
STEEP_INLINE void pool_eight(T* out, uint8_t* place, int64_t at, int rows, Row row) {
  using Values = typename Eight<T>::Values;
  Values best{};
  typename Eight<T>::Places places{};
  for (int r = 0; r < rows; ++r) {
    const T* x = row(r) + 2 * at;
    Values low, high;
    read(low, x);
    read(high, x + kEight);
    const Values even = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
    const Values odd = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
    if (r == 0) {
      best = even;
    } else {
      see<T>(best, places, even, 2 * r);
    }
    see<T>(best, places, odd, 2 * r + 1);
  }
  __builtin_memcpy(out + at, &best, sizeof(best));
  if constexpr (kPlaced) {
    const EightBytes bytes = __builtin_convertvector(places, EightBytes);
    __builtin_memcpy(place + at, &bytes, sizeof(bytes));
  }
}

template <bool kPlaced, class T, class Row>
STEEP_INLINE void pool_one(T* out, uint8_t* place, int64_t at, int rows, Row row) {
  T best = row(0)[2 * at];
  int found = 0;
  for (int k = 1; k < 2 * rows; ++k) {
    const T value = row(k / 2)[2 * at + k % 2];
    const bool take = (value > best) | (value != value);
    best = take ? value : best;
    found = take ? k : found;
  }
  out[at] = best;
  if constexpr (kPlaced) place[at] = static_cast<uint8_t>(found);
}

template <bool kPlaced, class T>
void pool_rows(const MaxPool& pool, Range mine, T* out, uint8_t* place, const T* x) {
  const int64_t rows = pool.depth.out * pool.height.out, n = pool.width.out;
  const int64_t deep = pool.depth.kernel, high = pool.height.kernel, width = pool.width.in;
  const int64_t plane = pool.depth.in * pool.height.in;
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t p = i / rows, d = i % rows / pool.height.out, h = i % pool.height.out;
    const T* first = x + (p * plane + d * deep * pool.height.in + h * high) * width;
    const auto row = [=](int64_t r) {
      return first + (deep == 1 ? r : r / high * pool.height.in + r % high) * width;
    };
    T* to = out + i * n;
    uint8_t* places = kPlaced ? place + i * n : nullptr;
    const int count = static_cast<int>(deep * high);
    if (n < kEight || !kCompares<T>) {
      for (int64_t j = 0; j < n; ++j) pool_one<kPlaced>(to, places, j, count, row);
      continue;
    }
    for (int64_t j = 0; j < n; j += kEight) {
      pool_eight<kPlaced>(to, places, j + kEight <= n ? j : n - kEight, count, row);
    }
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
STEEP_INLINE void put_pairs(T* x, const T* grad, const uint8_t* place, int64_t n, int code) {
  using Values = typename Eight<T>::Values;
  using Places = typename Eight<T>::Places;
  if (n < kEight) {
    for (int64_t j = 0; j < n; ++j) {
      x[2 * j] = place[j] == code ? grad[j] : T(0);
      x[2 * j + 1] = place[j] == code + 1 ? grad[j] : T(0);
    }
    return;
  }
  for (int64_t j = 0; j < n; j += kEight) {
    const int64_t at = j + kEight <= n ? j : n - kEight;
    EightBytes bytes;
    read(bytes, place + at);
    const Places places = __builtin_convertvector(bytes, Places);
    const Values zero{};
    Values values;
    read(values, grad + at);
    const Values even = places == code ? values : zero, odd = places == code + 1 ? values : zero;
    const Values low = __builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11);
    const Values high = __builtin_shufflevector(even, odd, 4, 12, 5, 13, 6, 14, 7, 15);
    __builtin_memcpy(x + 2 * at, &low, sizeof(low));
    __builtin_memcpy(x + 2 * at + kEight, &high, sizeof(high));
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
