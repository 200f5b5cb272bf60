#include "kernels/reduce/reduce.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/reduce/columns.h"
#include "kernels/reduce/partial.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
int64_t wide_scratch(const LaunchView& launch, int threads) {
  return partial_bytes(launch.as<DividedExtent>().extent, sizeof(double), threads);
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
struct IsNonzero {
  using Value = uint8_t;
  static constexpr bool kInPlace = false;
  const T* x;
  uint8_t flip;
  uint8_t operator()(int64_t at, int64_t) const { return static_cast<uint8_t>(x[at] != 0) ^ flip; }
  uint8_t finish(uint8_t value) const { return value ^ flip; }
};

// ---- rows: inner == 1 ----

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
      const ColumnStrip strip{(o * n + first) * inner + j, inner, width, o * inner + j};
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
      const ColumnStrip strip{o * n * inner + first, inner, width, group};
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
  reduce<Or<uint8_t>, uint8_t>(task, IsNonzero<T>{static_cast<const T*>(task.data[1]), 0});
}

template <class T>
void all(const Task& task) {
  reduce<Or<uint8_t>, uint8_t>(task, IsNonzero<T>{static_cast<const T*>(task.data[1]), 1});
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
