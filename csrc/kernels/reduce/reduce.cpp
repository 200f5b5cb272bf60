#include "kernels/reduce/reduce.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/reduce/columns.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
// The partial results of chunks, of `element_size` bytes each.
int64_t partial_bytes(const Extent& x, int64_t element_size, int threads) {
  const int64_t chunks = ceil_div(x.n, x.inner == 1 ? kChunk : kRowChunk);
  const bool wanted = x.inner == 1 ? shares_chunks(x.outer, chunks, threads)
                                   : keeps_partial_rows(x.outer, x.n, x.inner,
                                                        static_cast<int>(element_size), threads);
  return wanted ? x.outer * chunks * x.inner * element_size : 0;
}
int64_t scratch(const LaunchView& launch, int threads) {
  return partial_bytes(launch.as<Extent>(), launch.element_size, threads);
}
int64_t wide_scratch(const LaunchView& launch, int threads) {
  return partial_bytes(launch.as<DividedExtent>().extent, sizeof(double), threads);
}
// Contiguous rows, unless ranks share the chunks of each.
RowPartition rows(const LaunchView& launch, int ranks) {
  const Extent& x = launch.as<Extent>();  // of both structs the beginning
  if (x.inner != 1 || shares_chunks(x.outer, ceil_div(x.n, kChunk), ranks)) return {};
  return {x.outer, {1, x.n, 1}};
}
constexpr Kernel reduction(const char* name) {
  return routine(name, Kind::reduce, "wr").with_scratch(scratch).with_rows(rows);
}
constexpr Kernel wide_reduction(const char* name) {
  return reduction(name).with_scratch(wide_scratch).with_numbers(1);
}
}  // namespace

Kernel kSum = reduction("sum");
Kernel kProd = reduction("prod");
Kernel kMax = reduction("max");
Kernel kMin = reduction("min");
Kernel kAny = reduction("any");
Kernel kAll = reduction("all");
Kernel kArgmax = reduction("argmax");
Kernel kArgmin = reduction("argmin");
Kernel kWideMean = wide_reduction("wide_mean");
Kernel kVariance = wide_reduction("variance");
Kernel kDeviation = wide_reduction("deviation");
#endif

namespace {

template <class T>
struct Widened {
  using Value = double;
  static constexpr bool kInPlace = sizeof(T) == sizeof(double);
  const T* x;
  double divisor;
  double operator()(int64_t at, int64_t) const { return x[at]; }
  double finish(double value) const { return value / divisor; }
};

template <class T, bool kRoot>
struct SquaredDeviation {
  using Value = double;
  static constexpr bool kInPlace = false;
  const T* x;
  const double* mean;
  double divisor;
  double operator()(int64_t at, int64_t group) const {
    const double deviation = x[at] - mean[group];
    return deviation * deviation;
  }
  T finish(double value) const {
    const double variance = value / divisor;
    return static_cast<T>(kRoot ? vec::sqrt(variance) : variance);
  }
};

// Whether an element is nonzero: any. With flip, whether one is zero, and the result is flipped
// back: all.
template <class T>
struct Truth {
  using Value = uint8_t;
  static constexpr bool kInPlace = false;
  const T* x;
  uint8_t flip;
  uint8_t operator()(int64_t at, int64_t) const { return static_cast<uint8_t>(x[at] != 0) ^ flip; }
  uint8_t finish(uint8_t value) const { return value ^ flip; }
};

// ---- rows: inner == 1 ----

// Writes the partial result of each chunk of each row to scratch[outer, chunks], shared between the
// ranks.
template <class Op, class Source>
void reduce_shared_rows(const Task& task, const Source& source) {
  const Extent& x = arguments<Extent>(task);
  const int64_t outer = x.outer, n = x.n, chunks = ceil_div(n, kChunk);
  auto* partial = static_cast<typename Source::Value*>(task.scratch);
  const Range mine = share(outer * chunks, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t row = i / chunks, first = i % chunks * kChunk;
    const int64_t length = n - first < kChunk ? n - first : kChunk;
    partial[i] = reduce_piece<Op>(source, row * n + first, length, row);
  }
  task.barrier();
}

template <class Op, class Source, class Out>
void reduce_rows(const Task& task, Out* out, const Source& source) {
  using T = typename Source::Value;
  const Extent& x = arguments<Extent>(task);
  const int64_t outer = x.outer, n = x.n, chunks = ceil_div(n, kChunk);
  const bool shared = shares_chunks(outer, chunks, task.size);
  if (shared) reduce_shared_rows<Op>(task, source);
  const T* partial = static_cast<const T*>(task.scratch);
  const Range mine = share(outer, 1, task.rank, task.size);
  for (int64_t row = mine.begin; row < mine.end; ++row) {
    if (!shared) {
      out[row] = source.finish(reduce_row<Op>(source, row * n, n, row));
      continue;
    }
    Pairwise<Op, T> total;
    for (int64_t c = 0; c < chunks; ++c) total.push(partial[row * chunks + c]);
    out[row] = source.finish(total.result());
  }
}

// ---- columns: inner > 1 ----

// Writes the partial row of each chunk of rows to scratch[outer, chunks, inner], shared between the
// ranks.
template <class Op, class Source>
void keep_partial_rows(const Task& task, const Source& source) {
  using T = typename Source::Value;
  const Extent& x = arguments<Extent>(task);
  const int64_t outer = x.outer, n = x.n, inner = x.inner, chunks = ceil_div(n, kRowChunk);
  constexpr int64_t kWidest = kStripBytes / static_cast<int64_t>(sizeof(T));
  auto* partial = static_cast<T*>(task.scratch);
  const Range mine = share(outer * chunks, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t o = i / chunks, first = i % chunks * kRowChunk;
    const int64_t rows = n - first < kRowChunk ? n - first : kRowChunk;
    for (int64_t j = 0; j < inner; j += kWidest) {
      const int64_t width = inner - j < kWidest ? inner - j : kWidest;
      const Strip strip{(o * n + first) * inner + j, inner, width, o * inner + j};
      reduce_row_chunk<Op>(partial + i * inner + j, source, strip, rows);
    }
  }
  task.barrier();
}

// Where the values of a strip are made, before they are finished: in the results' own memory,
// unless these are of another type.
template <class T>
T* values_in(T* out, T*) {
  return out;
}
template <class Out, class T>
T* values_in(Out*, T* buffer) {
  return buffer;
}

template <class Op, class Source, class Out>
void reduce_columns(const Task& task, Out* out, const Source& source) {
  using T = typename Source::Value;
  const Extent& x = arguments<Extent>(task);
  const int64_t outer = x.outer, n = x.n, inner = x.inner;
  const int64_t chunks = ceil_div(n, kRowChunk);
  constexpr int64_t kWidest = kStripBytes / static_cast<int64_t>(sizeof(T));
  const bool kept = keeps_partial_rows(outer, n, inner, sizeof(T), task.size);
  if (kept) keep_partial_rows<Op>(task, source);
  const T* partial = static_cast<const T*>(task.scratch);
  const auto work = [=](int64_t o, int64_t first, int64_t width) {
    const int64_t group = o * inner + first;
    alignas(64) T buffer[kWidest];
    T* values = values_in(out + group, buffer);
    if (kept) {
      const T* rows = partial + o * chunks * inner + first;
      combine_partial_rows<Op>(values, rows, chunks, inner, width);
    } else {
      const Strip strip{o * n * inner + first, inner, width, group};
      reduce_strip<Op>(values, source, strip, n);
    }
    for (int64_t j = 0; j < width; ++j) out[group + j] = source.finish(values[j]);
  };
  for_strips(task.rank, task.size, outer, inner, chunks > 1 ? kTile<T> : kWidest, work);
}

// ---- the routines ----

template <class Op, class Out, class Source>
void reduce(const Task& task, const Source& source) {
  Out* out = static_cast<Out*>(task.data[0]);
  if (arguments<Extent>(task).inner == 1) {
    reduce_rows<Op>(task, out, source);
  } else {
    reduce_columns<Op>(task, out, source);
  }
}

template <class Op, class T>
void plain(const Task& task) {
  reduce<Op, T>(task, Plain<T>{static_cast<const T*>(task.data[1])});
}

template <class T>
void wide_mean(const Task& task) {
  const auto* x = static_cast<const T*>(task.data[1]);
  reduce<Sum<double>, double>(task, Widened<T>{x, arguments<DividedExtent>(task).divisor});
}

template <class T, bool kRoot>
void spread(const Task& task) {
  const auto* x = static_cast<const T*>(task.data[1]);
  const auto* mean = static_cast<const double*>(task.data[2]);
  reduce<Sum<double>, T>(
      task, SquaredDeviation<T, kRoot>{x, mean, arguments<DividedExtent>(task).divisor});
}

template <class T>
void any(const Task& task) {
  reduce<Or<uint8_t>, uint8_t>(task, Truth<T>{static_cast<const T*>(task.data[1]), 0});
}

template <class T>
void all(const Task& task) {
  reduce<Or<uint8_t>, uint8_t>(task, Truth<T>{static_cast<const T*>(task.data[1]), 1});
}

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

// T is the type that the kernel is for; sums and products of integers are taken unsigned (Sums),
// where wrapping around is defined.
template <class T, class Sums>
void fill_sums() {
  set_routine<T>(kSum, plain<Sum<Sums>, Sums>);
  set_routine<T>(kProd, plain<Product<Sums>, Sums>);
  if constexpr (kIsFloat<T>) {
    set_routine<T>(kWideMean, wide_mean<T>);
    set_routine<T>(kVariance, spread<T, false>);
    set_routine<T>(kDeviation, spread<T, true>);
  }
}

// A bool is read as the byte it is stored in.
template <class T, class Stored = T>
void fill_orders() {
  set_routine<T>(kMax, plain<Max<Stored>, Stored>);
  set_routine<T>(kMin, plain<Min<Stored>, Stored>);
  set_routine<T>(kArgmax, arg<Max<Stored>, Stored>);
  set_routine<T>(kArgmin, arg<Min<Stored>, Stored>);
  set_routine<T>(kAny, any<Stored>);
  set_routine<T>(kAll, all<Stored>);
}

}  // namespace

void STEEP_FILL(reduce_reduce)() {
  fill_sums<float, float>();
  fill_sums<double, double>();
  fill_sums<int64_t, uint64_t>();
  fill_sums<int32_t, uint32_t>();
  fill_orders<float>();
  fill_orders<double>();
  fill_orders<int64_t>();
  fill_orders<int32_t>();
  fill_orders<uint8_t>();
  fill_orders<bool, uint8_t>();
}

}  // namespace steep::kernels
