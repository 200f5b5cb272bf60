// What the tiles of attention are made of: small products, and rows of scores.
#pragma once

#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/product/gemm_rect.h"
#include "kernels/simd/row_exp.h"

namespace steep::kernels {
namespace {

// The shape of a tile of scores: with a strip of keys it lies in the first-level cache.
constexpr int64_t kTileQueries = 48;
constexpr int64_t kTileKeys = 128;

// C = A B, or C += A B, of one tile. B lies as strips of a tile's width that pack_keys has made, or
// (b_row > 0) by rows.
template <class T>
struct TileProduct {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row, b_cols;  // of strips: how many columns were packed
  T* c;
  int64_t c_row;
  bool accumulate;
};

template <class T>
void multiply_tile(const TileProduct<T>& x) {
  constexpr int lanes = Native<T>::lanes;
  for (int64_t j = 0; j < x.n; j += kTileCols<T>) {
    const int64_t cols = smaller(kTileCols<T>, x.n - j);
    const int regs = static_cast<int>(ceil_div(cols, lanes));
    const T* const b = x.b_row ? x.b + j : x.b + j * x.k;
    const int64_t b_row = x.b_row ? x.b_row : round_up(smaller(kTileCols<T>, x.b_cols - j), lanes);
    Tile<T> tile{};
    tile.out = x.c + j, tile.out_stride = x.c_row;
    if (x.accumulate) tile.old = tile.out, tile.old_stride = x.c_row, tile.old_step = 1;
    tile.last = static_cast<int>(cols - (regs - 1) * lanes);
    const Heights heights(x.m, max_rows(regs));
    const auto run = [&](int64_t height, int64_t i, int64_t tiles) {
      const Micro<T> micro = kMicros<T>.of[height - 1][regs - 1][tile.last != lanes][0];
      micro(x.k, x.a + i * x.a_row, x.a_row, x.a_col, b, b_row, tile, tiles);
    };
    const int64_t below = heights.taller * (heights.base + 1);
    if (heights.taller > 0) {
      run(heights.base + 1, 0, heights.taller);
      tile = moved(tile, below, 0);
    }
    run(heights.base, below, heights.tiles - heights.taller);
  }
}

// Rows of keys, or of values, as strips of columns for multiply_tile: n rows of length k.
template <class T>
void pack_keys(T* out, const T* x, int64_t row, int64_t n, int64_t k) {
  for (int64_t j = 0; j < n; j += kTileCols<T>) {
    const int64_t cols = smaller(kTileCols<T>, n - j);
    pack_along(out + j * k, round_up(cols, Native<T>::lanes), cols, k, x + j * row, row);
  }
}

// Rows of x side by side, times a number.
template <class T>
void copy_scaled(T* out, const T* x, int64_t row, int64_t n, int64_t length, T scale) {
  for (int64_t i = 0; i < n; ++i, out += length, x += row) {
#pragma omp simd
    for (int64_t j = 0; j < length; ++j) out[j] = x[j] * scale;
  }
}

// The mask of one head: where its first element lies.
struct HeadMask {
  const void* data;
  int64_t first;
  const Attention& how;
};

// Masks row i of a tile, n scores from column j on, and fills it up to whole lanes. Returns how many
// numbers there are then.
template <class T>
int64_t mask_row(T* x, const HeadMask& mask, int64_t i, int64_t j, int64_t n) {
  const Attention& how = mask.how;
  const int64_t at = mask.first + i * how.mask_row + j * how.mask_col, step = how.mask_col;
  if (how.mask == ScoreMask::boolean) {
    const uint8_t* const keep = static_cast<const uint8_t*>(mask.data) + at;
    for (int64_t c = 0; c < n; ++c) x[c] = keep[c * step] ? x[c] : lowest<T>();
  } else if (how.mask == ScoreMask::added) {
    const T* const more = static_cast<const T*>(mask.data) + at;
    for (int64_t c = 0; c < n; ++c) x[c] += more[c * step];
  }
  const int64_t all = round_up(n, kLanes);
  const int64_t seen = how.causal && i < j ? 0 : how.causal ? smaller(n, i + 1 - j) : n;
  for (int64_t c = seen; c < all; ++c) x[c] = lowest<T>();
  return all;
}

// The greatest of n numbers, n a multiple of kLanes, NaN left aside.
template <class T>
T highest_of(const T* x, int64_t n) {
  Lanes<T> high = Lanes<T>::load(x);
  for (int64_t i = kLanes; i < n; i += kLanes) high.combine(Higher(), Lanes<T>::load(x + i));
  return combine_lanes<Higher>(high);
}

// x = exp(x - shift) for n numbers, n a multiple of kLanes; NaN stays. Returns their sum.
template <class T>
T exp_row(T* x, int64_t n, T shift) {
  constexpr int kSize = kVecBlock<T>;
  Lanes<T> sum = Lanes<T>::fill(0);
  int64_t i = 0;
  for (; i + kSize <= n; i += kSize) {
    T below[kSize];
#pragma omp simd
    for (int j = 0; j < kSize; ++j) below[j] = x[i + j] - shift;
    exp_block<kSize, true>(x + i, below);
    for (int j = 0; j < kSize; j += kLanes) sum.combine(Sum<T>(), Lanes<T>::load(x + i + j));
  }
  for (; i < n; i += kLanes) {
    T below[kLanes];
#pragma omp simd
    for (int j = 0; j < kLanes; ++j) below[j] = x[i + j] - shift;
    exp_block<kLanes, true>(x + i, below);
    sum.combine(Sum<T>(), Lanes<T>::load(x + i));
  }
  return combine_lanes<Sum<T>>(sum);
}

}  // namespace
}  // namespace steep::kernels
