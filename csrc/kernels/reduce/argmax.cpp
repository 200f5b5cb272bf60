// The places of extremes. See reduce.h.
#include "kernels/reduce/columns.h"
#include "kernels/reduce/partial.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kArgmax = reduction("argmax");
Kernel kArgmin = reduction("argmin");
#endif

namespace {

template <class T>
bool is_nan(T x) {
  if constexpr (kIsFloat<T>) {
    return x != x;
  } else {
    return false;
  }
}

template <class T>
auto wide_as() {
  if constexpr (sizeof(T) == 8) {
    return int64_t{};
  } else if constexpr (sizeof(T) == 4) {
    return int32_t{};
  } else {
    return int16_t{};
  }
}
// A signed integer as wide as T, and wide enough for a row within a chunk.
template <class T>
using WideAs = decltype(wide_as<T>());

// Whether one of 64 elements is `value` or NaN.
template <class T>
bool holds(const T* x, T value) {
  using L = Lanes<T>;
  const auto wanted = L::fill(value).part[0];
  decltype(wanted == wanted) hit{};
  STEEP_UNROLL
  for (int p = 0; p < 4 * L::kParts; ++p) {
    typename L::Part v;
    __builtin_memcpy(&v, x + p * L::kWidth, sizeof(v));
    hit |= (v == wanted) | (v != v);
  }
  uint64_t words[sizeof(hit) / 8], any = 0;
  __builtin_memcpy(words, &hit, sizeof(hit));
  for (uint64_t word : words) any |= word;
  return any != 0;
}

// The first place in x[n] that holds its extreme, or a NaN if there is one; extreme(c) is the
// extreme of chunk c.
template <class Op, class T, class Extreme>
int64_t first_place(const T* x, int64_t n, Extreme extreme) {
  T best = extreme(0);
  int64_t first = 0;
  for (int64_t c = 1; c * kChunk < n && !is_nan(best); ++c) {
    const T value = extreme(c);
    if (!Op::takes(best, value)) continue;
    best = value;
    first = c * kChunk;
  }
  const int64_t end = n - first < kChunk ? n : first + kChunk;
  int64_t i = first;
  while (i + 4 * kLanes <= end && !holds(x + i, best)) i += 4 * kLanes;
  while (i < end - 1 && x[i] != best && !is_nan(x[i])) ++i;
  return i;
}

// The same in one pass, without a branch to mispredict.
template <class Op, class T>
int64_t first_of_few(const T* x, int64_t n) {
  T best = x[0];
  int64_t place = 0;
  for (int64_t i = 1; i < n; ++i) {
    const bool take = (!is_nan(best)) & Op::takes(best, x[i]);
    best = take ? x[i] : best;
    place = take ? i : place;
  }
  return place;
}

template <class Op, class T>
void arg_rows(const Task& task) {
  const Extent& extent = arguments<Extent>(task);
  const int64_t outer = extent.outer, n = extent.n, chunks = ceil_div(n, kChunk);
  auto* out = static_cast<int64_t*>(task.data[0]);
  const Plain<T> source{static_cast<const T*>(task.data[1])};
  const bool shared = shares_chunks(outer, chunks, task.size);
  if (shared) reduce_shared_rows<Op>(task, source);
  const T* partial = static_cast<const T*>(task.scratch);
  const Range mine = share(outer, 1, task.rank, task.size);
  for (int64_t row = mine.begin; row < mine.end; ++row) {
    const T* x = source.x + row * n;
    if (n < kLanes) {
      out[row] = first_of_few<Op>(x, n);
      continue;
    }
    out[row] = first_place<Op>(x, n, [=](int64_t c) {
      if (shared) return partial[row * chunks + c];
      const int64_t at = c * kChunk;
      return reduce_row<Op>(source, row * n + at, n - at < kChunk ? n - at : kChunk);
    });
  }
}

// Goes on from best[j], found at place[j], through rows [first, end) of x. Places within a block of
// rows are counted in integers as wide as T, so that one comparison picks both value and place.
template <class Op, class T>
void arg_row_chunk(T* __restrict best, int64_t* __restrict place, const T* x, int64_t inner,
                   int64_t width, Range rows) {
  using Index = WideAs<T>;
  alignas(64) Index found[kTile<T>];
  for (int64_t j = 0; j < width; ++j) found[j] = -1;
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const T* __restrict row = x + r * inner;
    const Index here = static_cast<Index>(r - rows.begin);
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const bool take = (!is_nan(best[j])) & Op::takes(best[j], row[j]);
      best[j] = take ? row[j] : best[j];
      found[j] = take ? here : found[j];
    }
  }
  for (int64_t j = 0; j < width; ++j) {
    if (found[j] >= 0) place[j] = rows.begin + found[j];
  }
}

template <class Op, class T>
void arg_columns(const Task& task) {
  const Extent& extent = arguments<Extent>(task);
  const int64_t n = extent.n, inner = extent.inner;
  auto* out = static_cast<int64_t*>(task.data[0]);
  const T* all = static_cast<const T*>(task.data[1]);
  const auto work = [=](int64_t o, int64_t first, int64_t width) {
    const T* x = all + o * n * inner + first;
    int64_t* place = out + o * inner + first;
    alignas(64) T best[kTile<T>];
    for (int64_t j = 0; j < width; ++j) best[j] = x[j], place[j] = 0;
    for (int64_t r = 1; r < n; r += kRowChunk) {
      const Range rows{r, n - r < kRowChunk ? n : r + kRowChunk};
      arg_row_chunk<Op>(best, place, x, inner, width, rows);
    }
  };
  for_strips(task.rank, task.size, extent.outer, inner, kTile<T>, work);
}

template <class Op, class T>
void arg(const Task& task) {
  const Extent& x = arguments<Extent>(task);
  if (x.n == 0) return;
  if (x.inner == 1) {
    arg_rows<Op, T>(task);
  } else {
    arg_columns<Op, T>(task);
  }
}

// A bool is read as the byte it is stored in.
template <class T, class Stored = T>
void fill() {
  set_routine<T>(kArgmax, arg<Max<Stored>, Stored>);
  set_routine<T>(kArgmin, arg<Min<Stored>, Stored>);
}

}  // namespace

void STEEP_FILL(reduce_argmax)() {
  fill<float>();
  fill<double>();
  fill<int64_t>();
  fill<int32_t>();
  fill<uint8_t>();
  fill<bool, uint8_t>();
}

}  // namespace steep::kernels
