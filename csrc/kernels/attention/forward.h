// Attention forward: for a tile of queries, one tile of keys after the other, with the softmax
// carried along. It is compiled with gemm.cpp, whose tiles it uses.
#pragma once

#include <cstdint>

#include "kernels/attention/tiles.h"

namespace steep::kernels {
namespace {

// The columns that any row looks at.
constexpr int64_t used_cols(const Attention& how) {
  return how.causal ? smaller(how.rows, how.cols) : how.cols;
}

// One rank's room, in elements.
struct AttentionRoom {
  int64_t keys, values, queries, scores, sums;
  constexpr int64_t all() const { return keys + values + queries + scores + sums; }
};
constexpr AttentionRoom attention_room(const Attention& how) {
  const int64_t cols = used_cols(how);
  return {round_up(round_up(cols, kMaxTileCols) * how.depth, 64), round_up(cols * how.width, 64),
          round_up(kTileQueries * how.depth, 64), kTileQueries * kTileKeys,
          round_up(kTileQueries * how.width, 64)};
}

// A head's keys and values, as its tiles want them, and the state of one tile of queries.
template <class T>
struct AttentionWork {
  const Attention& how;
  T *keys, *packed_values, *queries, *scores, *sums;
  const T* values;
  int64_t values_row;
  T top[kTileQueries], total[kTileQueries];

  AttentionWork(const Attention& of, void* scratch) : how(of) {
    const AttentionRoom room = attention_room(of);
    keys = static_cast<T*>(scratch);
    packed_values = keys + room.keys;
    queries = packed_values + room.values;
    scores = queries + room.queries;
    sums = scores + room.scores;
  }
  void take(const T* k, const T* v) {
    const int64_t cols = used_cols(how);
    pack_keys(keys, k, how.k.row, cols, how.depth);
    values = v, values_row = how.v.row;
    if (values_row == how.width) return;
    copy_scaled(packed_values, v, how.v.row, cols, how.width, T(1));
    values = packed_values, values_row = how.width;
  }
};

// Row r takes the scores of one more tile: they become exponentials, and what was summed up before
// is brought to the new maximum.
template <class T>
void update_row(AttentionWork<T>& work, int64_t r, int64_t n, bool first) {
  T* const x = work.scores + r * kTileKeys;
  const T before = work.top[r], here = highest_of(x, n);
  const T top = first || here > before ? here : before;
  const T shift = top == lowest<T>() ? T(0) : top;
  const T sum = exp_row(x, n, shift);
  work.top[r] = top;
  if (first) {
    work.total[r] = sum;
    return;
  }
  const T faded = exp_below(before - shift);
  work.total[r] = vec::mul_add(work.total[r], faded, sum);
  if (faded == T(1)) return;
  T* const sums = work.sums + r * work.how.width;
#pragma omp simd
  for (int64_t d = 0; d < work.how.width; ++d) sums[d] *= faded;
}

// Rows [i, i + m) of one head: queries q and results out at row i, ends of the head.
template <class T>
void attend_rows(AttentionWork<T>& work, const HeadMask& mask, const T* q, T* out, T* ends,
                 int64_t i, int64_t m) {
  const Attention& how = work.how;
  const int64_t last = how.causal ? smaller(i + m, how.cols) : how.cols;
  copy_scaled(work.queries, q, how.q.row, m, how.depth, static_cast<T>(how.scale));
  for (int64_t j = 0; j < last; j += kTileKeys) {
    const int64_t n = smaller(kTileKeys, last - j);
    multiply_tile(TileProduct<T>{m, n, how.depth, work.queries, how.depth, 1,
                                 work.keys + j * how.depth, 0, used_cols(how) - j, work.scores,
                                 kTileKeys, false});
    for (int64_t r = 0; r < m; ++r)
      update_row(work, r, mask_row(work.scores + r * kTileKeys, mask, i + r, j, n), j == 0);
    multiply_tile(TileProduct<T>{m, how.width, n, work.scores, kTileKeys, 1,
                                 work.values + j * work.values_row, work.values_row, 0, work.sums,
                                 how.width, j > 0});
  }
  for (int64_t r = 0; r < m; ++r) {
    const T top = work.top[r], total = work.total[r];
    const T share = total == T(0) ? T(0) : T(1) / total;
    ends[2 * (i + r)] = top == lowest<T>() ? T(0) : top;
    ends[2 * (i + r) + 1] = share;
    copy_scaled(out + r * how.out.row, work.sums + r * how.width, how.width, 1, how.width, share);
  }
}

// Ranks share the heads of k and v, or where those do not go round the tiles of each.
template <class T>
void attention(const Task& task) {
  const Attention& how = arguments<Attention>(task);
  AttentionWork<T> work(how, task.scratch);
  const int64_t units = how.batch * how.kv_heads, group = how.heads / how.kv_heads;
  const bool whole = are_enough(units, task.size);
  const Range mine = whole ? share(units, 1, task.rank, task.size) : Range{0, units};
  const int64_t step = (whole ? 1 : task.size) * kTileQueries;
  const int64_t begin = whole ? 0 : task.rank * kTileQueries;
  T* const out = static_cast<T*>(task.data[0]);
  T* const ends = static_cast<T*>(task.data[1]);
  const T* const q = static_cast<const T*>(task.data[2]);
  const T* const k = static_cast<const T*>(task.data[3]);
  const T* const v = static_cast<const T*>(task.data[4]);
  for (int64_t unit = mine.begin; unit < mine.end && begin < how.rows; ++unit) {
    const int64_t b = unit / how.kv_heads, shared = unit % how.kv_heads;
    work.take(k + b * how.k.batch + shared * how.k.head, v + b * how.v.batch + shared * how.v.head);
    for (int64_t h = shared * group; h < (shared + 1) * group; ++h) {
      const HeadMask mask{task.data[5], b * how.mask_batch + h * how.mask_head, how};
      for (int64_t i = begin; i < how.rows; i += step) {
        attend_rows(work, mask, q + b * how.q.batch + h * how.q.head + i * how.q.row,
                    out + b * how.out.batch + h * how.out.head + i * how.out.row,
                    ends + (b * how.heads + h) * how.rows * 2, i,
                    smaller(kTileQueries, how.rows - i));
      }
    }
  }
}

}  // namespace
}  // namespace steep::kernels
