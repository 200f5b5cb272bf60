// Attention backward: for a tile of keys, one tile of queries after the other, of which the scores
// are computed once more. It is compiled with gemm.cpp, whose tiles it uses.
#pragma once

#include <cstdint>

#include "kernels/attention/forward.h"

namespace steep::kernels {
namespace {

// One rank's room, in elements: queries (scaled), gradients and their products with the results, of
// a whole head; a tile of keys, by rows and packed, one of values, packed; the gradients of both;
// two tiles of scores.
struct AttentionBackwardRoom {
  int64_t queries, grads, deltas, keys, packed_keys, packed_values, scores;
  constexpr int64_t all() const {
    return queries + grads + deltas + 2 * keys + packed_keys + 2 * packed_values + 2 * scores;
  }
};
constexpr AttentionBackwardRoom backward_room(const Attention& how) {
  const int64_t keys = kTileKeys * how.depth, values = kTileKeys * how.width;
  return {round_up(how.rows * how.depth, 64),
          round_up(how.rows * how.width, 64),
          round_up(how.rows, 64),
          keys,
          keys,
          values,
          kTileQueries * kTileKeys};
}

// A head's operands, and where its gradients go: null for those that are not made.
template <class T>
struct BackwardWork {
  const AttentionBackward& all;
  const Attention& how;
  T *queries, *grads, *deltas, *keys, *by_keys, *packed_keys, *packed_values, *by_values;
  T *scores, *by_scores;
  const T *q, *k, *v, *out, *dout, *ends;
  T *dq, *dk, *dv;

  BackwardWork(const AttentionBackward& of, void* scratch) : all(of), how(of.of) {
    const AttentionBackwardRoom room = backward_room(how);
    queries = static_cast<T*>(scratch);
    grads = queries + room.queries;
    deltas = grads + room.grads;
    keys = deltas + room.deltas;
    by_keys = keys + room.keys;
    packed_keys = by_keys + room.keys;
    packed_values = packed_keys + room.packed_keys;
    by_values = packed_values + room.packed_values;
    scores = by_values + room.packed_values;
    by_scores = scores + room.scores;
  }
  void point_at(const Task& task, int64_t b, int64_t h) {
    const auto at = [&](int operand, const HeadStrides& strides, int64_t head) {
      T* const data = static_cast<T*>(task.data[operand]);
      return data ? data + b * strides.batch + head * strides.head : nullptr;
    };
    const int64_t shared = h / (how.heads / how.kv_heads);
    dq = at(0, all.dq, h), dk = at(1, all.dk, shared), dv = at(2, all.dv, shared);
    q = at(3, how.q, h), k = at(4, how.k, shared), v = at(5, how.v, shared);
    out = at(6, how.out, h), dout = at(7, all.dout, h);
    ends = static_cast<const T*>(task.data[8]) + (b * how.heads + h) * how.rows * 2;
  }
};

// The sum of products, element d in lane d % kLanes.
template <class T>
T dot(const T* x, const T* y, int64_t n) {
  T sum[kLanes] = {};
  int64_t d = 0;
  for (; d + kLanes <= n; d += kLanes) {
#pragma omp simd
    for (int j = 0; j < kLanes; ++j) sum[j] = vec::mul_add(x[d + j], y[d + j], sum[j]);
  }
  for (int j = 0; d + j < n; ++j) sum[j] = vec::mul_add(x[d + j], y[d + j], sum[j]);
  return combine_lanes<Sum<T>>(Lanes<T>::load(sum));
}

// The scaled queries of a head, its gradients, and the product of each of these with its result.
template <class T>
void take_head(BackwardWork<T>& work) {
  const Attention& how = work.how;
  copy_scaled(work.queries, work.q, how.q.row, how.rows, how.depth, static_cast<T>(how.scale));
  copy_scaled(work.grads, work.dout, work.all.dout.row, how.rows, how.width, T(1));
  for (int64_t i = 0; i < how.rows; ++i) {
    const T *const grad = work.grads + i * how.width, *const out = work.out + i * how.out.row;
    work.deltas[i] = dot(grad, out, how.width);
  }
}

// p of rows [i, i + m) and columns [j, j + n), in work.scores.
template <class T>
void probabilities(BackwardWork<T>& work, const HeadMask& mask, int64_t i, int64_t m, int64_t j,
                   int64_t n, int64_t packed) {
  const Attention& how = work.how;
  multiply_tile(TileProduct<T>{m, n, how.depth, work.queries + i * how.depth, how.depth, 1,
                               work.packed_keys, 0, packed, work.scores, kTileKeys, false});
  for (int64_t r = 0; r < m; ++r) {
    T* const x = work.scores + r * kTileKeys;
    const T* const end = work.ends + 2 * (i + r);
    const int64_t all = mask_row(x, mask, i + r, j, n);
    exp_row(x, all, end[0]);
    copy_scaled(x, x, 0, 1, all, end[1]);
  }
}

// The gradient of the scores, in work.scores in place of p.
template <class T>
void scores_backward(BackwardWork<T>& work, int64_t i, int64_t m, int64_t n, int64_t packed) {
  const Attention& how = work.how;
  multiply_tile(TileProduct<T>{m, n, how.width, work.grads + i * how.width, how.width, 1,
                               work.packed_values, 0, packed, work.by_scores, kTileKeys, false});
  for (int64_t r = 0; r < m; ++r) {
    T* const x = work.scores + r * kTileKeys;
    const T* const y = work.by_scores + r * kTileKeys;
    const T delta = work.deltas[i + r];
#pragma omp simd
    for (int64_t c = 0; c < n; ++c) x[c] *= y[c] - delta;
  }
}

// What rows [i, i + m) and columns [j, j + n) add to the gradients.
template <class T>
void tile_backward(BackwardWork<T>& work, const HeadMask& mask, int64_t i, int64_t m, int64_t j,
                   int64_t n, int64_t packed) {
  const Attention& how = work.how;
  probabilities(work, mask, i, m, j, n, packed);
  if (work.dv)
    multiply_tile(TileProduct<T>{n, how.width, m, work.scores, 1, kTileKeys,
                                 work.grads + i * how.width, how.width, 0, work.by_values,
                                 how.width, true});
  if (!work.dq && !work.dk) return;
  scores_backward(work, i, m, n, packed);
  if (work.dq)
    multiply_tile(TileProduct<T>{m, how.depth, n, work.scores, kTileKeys, 1, work.keys, how.depth,
                                 0, work.dq + i * work.all.dq.row, work.all.dq.row, j > 0});
  if (work.dk)
    multiply_tile(TileProduct<T>{n, how.depth, m, work.scores, 1, kTileKeys,
                                 work.queries + i * how.depth, how.depth, 0, work.by_keys,
                                 how.depth, true});
}

// Gradients of n rows of keys or values; those of another head are there already where `adds`.
template <class T>
void put_rows(T* out, int64_t row, const T* x, int64_t n, int64_t length, bool adds) {
  for (int64_t i = 0; i < n; ++i, out += row, x += length) {
#pragma omp simd
    for (int64_t j = 0; j < length; ++j) out[j] = adds ? out[j] + x[j] : x[j];
  }
}

// Which tiles a rank works on: those whose number leaves `rank` when divided by `size`.
struct Turn {
  int rank, size;
  bool has(int64_t tile) const { return tile % size == rank; }
};

// One head, at the tiles of queries and keys whose turn it is.
template <class T>
void head_backward(BackwardWork<T>& work, const HeadMask& mask, const Turn& rows, const Turn& cols,
                   bool adds) {
  const Attention& how = work.how;
  take_head(work);
  for (int64_t j = 0; j < how.cols; j += kTileKeys) {
    if (!cols.has(j / kTileKeys)) continue;
    const int64_t packed = smaller(kTileKeys, how.cols - j);
    copy_scaled(work.keys, work.k + j * how.k.row, how.k.row, packed, how.depth, T(1));
    pack_keys(work.packed_keys, work.keys, how.depth, packed, how.depth);
    pack_keys(work.packed_values, work.v + j * how.v.row, how.v.row, packed, how.width);
    __builtin_memset(work.by_keys, 0, packed * how.depth * sizeof(T));
    __builtin_memset(work.by_values, 0, packed * how.width * sizeof(T));
    for (int64_t i = how.causal ? j / kTileQueries * kTileQueries : 0; i < how.rows;
         i += kTileQueries) {
      if (!rows.has(i / kTileQueries)) continue;
      const int64_t m = smaller(kTileQueries, how.rows - i);
      const int64_t n = how.causal ? smaller(packed, i + m - j) : packed;
      if (n > 0) tile_backward(work, mask, i, m, j, n, packed);
    }
    if (work.dk)
      put_rows(work.dk + j * work.all.dk.row, work.all.dk.row, work.by_keys, packed, how.depth,
               adds);
    if (work.dv)
      put_rows(work.dv + j * work.all.dv.row, work.all.dv.row, work.by_values, packed, how.width,
               adds);
  }
  for (int64_t i = 0; work.dq && i < how.rows; ++i)
    if (T* const row = work.dq + i * work.all.dq.row; rows.has(i / kTileQueries))
      copy_scaled(row, row, 0, 1, how.depth, static_cast<T>(how.scale));
}

// Ranks share the heads of k and v; where those do not go round, first the tiles of queries, for dq,
// and then those of keys.
template <class T>
void attention_backward(const Task& task) {
  const AttentionBackward& all = arguments<AttentionBackward>(task);
  const Attention& how = all.of;
  BackwardWork<T> work(all, task.scratch);
  const int64_t units = how.batch * how.kv_heads, group = how.heads / how.kv_heads;
  const bool whole = are_enough(units, task.size);
  const Range mine = whole ? share(units, 1, task.rank, task.size) : Range{0, units};
  const Turn every{0, 1}, own{task.rank, task.size};
  for (int64_t unit = mine.begin; unit < mine.end; ++unit) {
    const int64_t b = unit / how.kv_heads, shared = unit % how.kv_heads;
    for (int64_t h = shared * group; h < (shared + 1) * group; ++h) {
      const HeadMask mask{task.data[9], b * how.mask_batch + h * how.mask_head, how};
      const bool adds = h > shared * group;
      work.point_at(task, b, h);
      if (whole) {
        head_backward(work, mask, every, every, adds);
        continue;
      }
      T *const dk = work.dk, *const dv = work.dv;
      work.dk = work.dv = nullptr;
      if (work.dq) head_backward(work, mask, own, every, adds);
      work.dq = nullptr, work.dk = dk, work.dv = dv;
      if (dk || dv) head_backward(work, mask, every, own, adds);
    }
  }
}

inline Cost cost_of_attention(const Attention& how, const LaunchView& launch, double products) {
  constexpr double kSpeed = 4;
  const double cols = static_cast<double>(how.cols) / (how.causal ? 2 : 1);
  const double scores =
      static_cast<double>(how.batch * how.heads) * static_cast<double>(how.rows) * cols;
  const double each = static_cast<double>(how.depth + how.width) * products + 60;
  return {scores * each, launch.bytes, kSpeed};
}

}  // namespace
}  // namespace steep::kernels
