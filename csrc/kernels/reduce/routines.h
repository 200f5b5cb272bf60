// How a reduction runs, for every operation and element type: rows or columns of x, whole or in chunks
// whose partial results wait in scratch. And plain reductions of one type: an operation over its
// elements as they are.
#pragma once

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/reduce/columns.h"
#include "kernels/reduce/partial.h"
#include "kernels/reduce/reduce.h"
#include "kernels/simd/lanes.h"

namespace steep::kernels {
namespace {

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

// T is the type that the kernel is for, Stored what it is read as: a bool is the byte it is stored
// in, and sums and products of integers are taken unsigned, where wrapping around is defined.
template <class T, class Stored = T>
void fill_sums() {
  set_routine<T>(kSum, plain<Sum<Stored>, Stored>);
  set_routine<T>(kProd, plain<Product<Stored>, Stored>);
}
template <class T, class Stored = T>
void fill_extremes() {
  set_routine<T>(kMax, plain<Max<Stored>, Stored>);
  set_routine<T>(kMin, plain<Min<Stored>, Stored>);
}

}  // namespace
}  // namespace steep::kernels
