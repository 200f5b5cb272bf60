// Reductions over rows, many columns at once: rows are combined a few at a time, and these sums in
// order, within kRowChunk of them; the partial rows are combined pairwise. Each column is a result
// of its own, so how many are taken together changes nothing.
#pragma once

#include <cstdint>

#include "kernels/partition.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {
namespace {

// The most columns taken together: their partial rows at every level of the tree stay on the stack.
template <class T>
constexpr int64_t kTile = kTileBytes / static_cast<int64_t>(sizeof(T));

// A strip of columns: `width` of them, from element `at`, in rows `stride` apart; the first is
// result number `group`.
struct ColumnStrip {
  int64_t at, stride, width, group;
};

// How many rows are combined in halves before they are added to what came before: a sum of many
// equal elements rounds that much less often. Mapped values take registers.
template <class Source>
constexpr int kRowsTogether = Source::kInPlace ? 8 : 4;

// The total of kRows elements, `stride` apart.
template <class Op, int kRows, class Source>
STEEP_INLINE typename Source::Value total_of_rows(const Source& source, int64_t at, int64_t stride,
                                                  int64_t group) {
  if constexpr (kRows == 1) {
    return source(at, group);
  } else {
    constexpr int kHalf = kRows / 2;
    return Op::apply(total_of_rows<Op, kHalf>(source, at, stride, group),
                     total_of_rows<Op, kHalf>(source, at + kHalf * stride, stride, group));
  }
}

// out[j] = op over `rows` <= kRowChunk rows of the strip.
template <class Op, class Source, class T>
__attribute__((noinline)) void reduce_row_chunk(T* __restrict out, const Source source,
                                                const ColumnStrip strip, int64_t rows) {
  const int64_t stride = strip.stride;
  for (int64_t j = 0; j < strip.width; ++j) out[j] = Op::identity();
  int64_t at = strip.at;
  constexpr int kTogether = kRowsTogether<Source>;
  for (; rows >= kTogether; rows -= kTogether, at += kTogether * stride) {
#pragma omp simd
    for (int64_t j = 0; j < strip.width; ++j) {
      out[j] =
          Op::apply(out[j], total_of_rows<Op, kTogether>(source, at + j, stride, strip.group + j));
    }
  }
  for (; rows > 0; --rows, at += stride) {
#pragma omp simd
    for (int64_t j = 0; j < strip.width; ++j) {
      out[j] = Op::apply(out[j], source(at + j, strip.group + j));
    }
  }
}

// Combines a stream of partial rows of up to kTile columns pairwise, as Pairwise does numbers.
template <class Op, class T>
struct PairwiseRows {
  alignas(64) T level[40][kTile<T>];
  int64_t width, count = 0;

  explicit PairwiseRows(int64_t columns) : width(columns) {}

  // row is used up.
  __attribute__((noinline)) void push(T* row) {
    int k = 0;
    for (int64_t bits = count++; bits & 1; bits >>= 1) combine(row, level[k++], row);
    __builtin_memcpy(level[k], row, width * sizeof(T));
  }
  __attribute__((noinline)) void result(T* out) const {
    int k = 0;
    while (!(count >> k & 1)) ++k;
    __builtin_memcpy(out, level[k], width * sizeof(T));
    for (++k; count >> k; ++k) {
      if (count >> k & 1) combine(out, level[k], out);
    }
  }
  void combine(T* out, const T* left, const T* right) const {
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) out[j] = Op::apply(left[j], right[j]);
  }
};

// Combines the partial rows of `width` columns, at most kTile, `inner` apart.
template <class Op, class T>
void combine_partial_rows(T* out, const T* partial, int64_t chunks, int64_t inner, int64_t width) {
  alignas(64) T row[kTile<T>];
  PairwiseRows<Op, T> total(width);
  for (int64_t c = 0; c < chunks; ++c) {
    __builtin_memcpy(row, partial + c * inner, width * sizeof(T));
    total.push(row);
  }
  total.result(out);
}

template <class Op, class Source, class T>
__attribute__((noinline)) void reduce_many_rows(T* out, const Source source, ColumnStrip strip,
                                                int64_t n) {
  alignas(64) T row[kTile<T>];
  PairwiseRows<Op, T> total(strip.width);
  for (; n > 0; n -= kRowChunk, strip.at += kRowChunk * strip.stride) {
    reduce_row_chunk<Op>(row, source, strip, n < kRowChunk ? n : kRowChunk);
    total.push(row);
  }
  total.result(out);
}

// out[j] = op over n rows of the strip, at most kTile wide where n > kRowChunk.
template <class Op, class Source, class T>
inline void reduce_strip(T* out, const Source source, const ColumnStrip strip, int64_t n) {
  if (n <= kRowChunk) {
    reduce_row_chunk<Op>(out, source, strip, n);
  } else {
    reduce_many_rows<Op>(out, source, strip, n);
  }
}

// Calls work(o, first column, width) for this rank's part of the columns of every o; no strip is
// wider than `widest`.
template <class Work>
inline void for_strips(int rank, int size, int64_t outer, int64_t inner, int64_t widest,
                       Work work) {
  int64_t width = ceil_div(ceil_div(outer * inner, size), kStrip) * kStrip;
  width = width < kStrip ? kStrip : width < widest ? width : widest;
  const int64_t strips = ceil_div(inner, width);
  const Range mine = share(outer * strips, 1, rank, size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t j = i % strips * width;
    work(i / strips, j, inner - j < width ? inner - j : width);
  }
}

}  // namespace
}  // namespace steep::kernels
