// Tiles of images, results and weights on their way into and out of the products of winograd.h.
//
// A row of an image is laid out pixel by pixel, [pixels, channels], so that a register holds
// neighbouring channels whatever the width of the image. Tile q of a row begins at pixel 2 * q.
#pragma once

#include <cstdint>

#include "kernels/product/gemm_pack.h"
#include "kernels/product/winograd.h"
#include "kernels/simd/simd.h"

namespace steep::kernels {
namespace {

constexpr int kTileSide = 4, kTileSize = 16;

constexpr int64_t tiles_along(const WinogradAxis& axis) { return ceil_div(axis.out, 2); }

// Some channels of a plane, read or written in whole registers, or lane by lane at the end.
template <class T>
struct Channels {
  using R = Native<T>;
  int count;
  STEEP_INLINE typename R::V load(const T* x) const {
    return count == R::lanes ? R::load(x) : R::load(x, count);
  }
  STEEP_INLINE void store(T* x, typename R::V v) const {
    count == R::lanes ? R::store(x, v) : R::store(x, v, count);
  }
};

// Calls each(first, channels) for registers of the channels.
template <class T, class Each>
STEEP_INLINE void for_channels(int64_t count, Each each) {
  constexpr int lanes = Native<T>::lanes;
  int64_t c = 0;
  for (; c + lanes <= count; c += lanes) each(c, Channels<T>{lanes});
  if (c < count) each(c, Channels<T>{static_cast<int>(count - c)});
}

// ---- rows ----

// out[p * width + r] = x[r * stride + p], for p < k and r < count; nothing else is written.
template <class T>
void transpose_rows(T* out, int64_t width, int64_t count, int64_t k, const T* x, int64_t stride) {
  constexpr int lanes = SquareReg<T>::lanes;
  for (int64_t r = 0; r < count; r += lanes, x += lanes * stride) {
    const int rows = static_cast<int>(smaller(lanes, count - r));
    int64_t p = 0;
    for (; rows == lanes && p + lanes <= k; p += lanes)
      Square<T>{out + p * width + r, width, x + p, stride, lanes, lanes, lanes}.pack();
    for (; p < k; p += lanes) {
      const int columns = static_cast<int>(smaller(lanes, k - p));
      Square<T>{out + p * width + r, width, x + p, stride, rows, columns, rows}.pack();
    }
  }
}

// Row y of some channels of an image as `pixels` pixels, zeros where it has none.
template <class T>
void take_row(T* out, const T* image, const Winograd& conv, int64_t y, int64_t pixels,
              int64_t channels) {
  const WinogradAxis &height = conv.height, &width = conv.width;
  const bool inside = y >= 0 && y < height.in;
  const int64_t begin = inside ? smaller(width.lead > 0 ? width.lead : 0, pixels) : pixels;
  const int64_t from = begin - width.lead;
  const int64_t count = inside ? smaller(width.in - from, pixels - begin) : 0;
  const int64_t end = count > 0 ? begin + count : begin;
  for (int64_t i = 0; i < begin * channels; ++i) out[i] = T(0);
  if (count > 0)
    transpose_rows(out + begin * channels, channels, channels, count, image + y * width.in + from,
                   height.in * width.in);
  for (int64_t i = end * channels; i < pixels * channels; ++i) out[i] = T(0);
}

// The four rows under a row of tiles; two of them are those of the row of tiles before.
template <class T>
class RowsOfTiles {
 public:
  RowsOfTiles(T* room, const Winograd& conv, int64_t channels)
      : conv_(conv), pixels_(2 * tiles_along(conv.width) + 2), channels_(channels) {
    for (int i = 0; i < kTileSide; ++i) row[i] = room + i * pixels_ * channels;
  }
  static constexpr int64_t room(const Winograd& conv, int64_t channels) {
    return kTileSide * (2 * tiles_along(conv.width) + 2) * channels;
  }

  // Of row r of tiles, of image n; `image` is its first channel.
  void take(const T* image, int64_t n, int64_t r) {
    const bool next = n == n_ && r == r_ + 1;
    if (next) {
      for (int i = 0; i < 2; ++i) {
        T* const again = row[i];
        row[i] = row[i + 2], row[i + 2] = again;
      }
    }
    for (int i = next ? 2 : 0; i < kTileSide; ++i)
      take_row(row[i], image, conv_, 2 * r + i - conv_.height.lead, pixels_, channels_);
    n_ = n, r_ = r;
  }

  T* row[kTileSide];

 private:
  const Winograd& conv_;
  int64_t pixels_, channels_, n_ = -1, r_ = 0;
};

// ---- transforms: v = B' x B, A grad A', A' m A ----

template <class V>
STEEP_INLINE void into_tile(V& a, V& b, V& c, V& d) {
  const V first = a - c, second = b + c, third = c - b, fourth = b - d;
  a = first, b = second, c = third, d = fourth;
}

// v, elements of the tile `plane` apart, of the tile whose first pixel is at `first` of each row.
template <class T>
STEEP_INLINE void image_tile(T* v, int64_t plane, T* const* rows, int64_t first, int64_t apart,
                             const Channels<T>& some) {
  typename Native<T>::V x[kTileSide][kTileSide];
  STEEP_UNROLL
  for (int i = 0; i < kTileSide; ++i) {
    STEEP_UNROLL
    for (int j = 0; j < kTileSide; ++j) x[i][j] = some.load(rows[i] + first + j * apart);
  }
  STEEP_UNROLL
  for (int j = 0; j < kTileSide; ++j) into_tile(x[0][j], x[1][j], x[2][j], x[3][j]);
  STEEP_UNROLL
  for (int i = 0; i < kTileSide; ++i) {
    into_tile(x[i][0], x[i][1], x[i][2], x[i][3]);
    STEEP_UNROLL
    for (int j = 0; j < kTileSide; ++j) some.store(v + (i * kTileSide + j) * plane, x[i][j]);
  }
}

// The 2x2 results of a tile, in two rows of pixels.
template <class T>
STEEP_INLINE void result_tile(T* const* rows, int64_t first, int64_t apart, const T* m,
                              int64_t plane, typename Native<T>::V bias, const Channels<T>& some) {
  using V = typename Native<T>::V;
  V sum[2][kTileSide];
  STEEP_UNROLL
  for (int j = 0; j < kTileSide; ++j) {
    const V a = some.load(m + j * plane), b = some.load(m + (4 + j) * plane);
    const V c = some.load(m + (8 + j) * plane), d = some.load(m + (12 + j) * plane);
    sum[0][j] = a + b + c;
    sum[1][j] = b - c - d;
  }
  STEEP_UNROLL
  for (int i = 0; i < 2; ++i) {
    some.store(rows[i] + first, sum[i][0] + sum[i][1] + sum[i][2] + bias);
    some.store(rows[i] + first + apart, sum[i][1] - sum[i][2] - sum[i][3] + bias);
  }
}

// A grad A' of a tile of 2x2 gradients.
template <class T>
STEEP_INLINE void gradient_tile(T* z, int64_t plane, T* const* rows, int64_t first, int64_t apart,
                                const Channels<T>& some) {
  using V = typename Native<T>::V;
  V left[kTileSide], right[kTileSide];
  left[0] = some.load(rows[0] + first), right[0] = some.load(rows[0] + first + apart);
  left[3] = some.load(rows[1] + first), right[3] = some.load(rows[1] + first + apart);
  left[1] = left[0] + left[3], right[1] = right[0] + right[3];
  left[2] = left[0] - left[3], right[2] = right[0] - right[3];
  left[3] = -left[3], right[3] = -right[3];
  STEEP_UNROLL
  for (int i = 0; i < kTileSide; ++i) {
    T* const row = z + i * kTileSide * plane;
    some.store(row, left[i]);
    some.store(row + plane, left[i] + right[i]);
    some.store(row + 2 * plane, left[i] - right[i]);
    some.store(row + 3 * plane, -right[i]);
  }
}

// ---- weights ----

// u = G w G' of `count` rows of one channel, u's planes `plane` apart.
template <class T>
void weight_tiles(T* u, int64_t plane, const T* w, const WinogradWeights& given, int64_t count) {
  using V = typename Native<T>::V;
  constexpr int lanes = Native<T>::lanes;
  T all[9][lanes] = {};
  for (int64_t i = 0; i < count; ++i)
    for (int p = 0; p < 9; ++p) all[p][i] = w[i * given.row_step + (given.turned ? 8 - p : p)];
  const Channels<T> some{static_cast<int>(count)};
  const auto load = [&](int p) { return Native<T>::load(all[p]); };
  const V half = Native<T>::broadcast(T(0.5));
  V down[kTileSide][3];
  STEEP_UNROLL
  for (int j = 0; j < 3; ++j) {
    const V a = load(j), b = load(3 + j), c = load(6 + j), outer = a + c;
    down[0][j] = a, down[1][j] = (outer + b) * half, down[2][j] = (outer - b) * half;
    down[3][j] = c;
  }
  STEEP_UNROLL
  for (int i = 0; i < kTileSide; ++i) {
    T* const row = u + i * kTileSide * plane;
    const V outer = down[i][0] + down[i][2];
    some.store(row, down[i][0]);
    some.store(row + plane, (outer + down[i][1]) * half);
    some.store(row + 2 * plane, (outer - down[i][1]) * half);
    some.store(row + 3 * plane, down[i][2]);
  }
}

// G' u G of some channels of one row: out [channels, 3, 3].
template <class T>
void weight_gradient(T* out, const T* u, int64_t plane, const Channels<T>& some) {
  using V = typename Native<T>::V;
  constexpr int lanes = Native<T>::lanes;
  const V half = Native<T>::broadcast(T(0.5));
  V up[3][kTileSide];
  STEEP_UNROLL
  for (int j = 0; j < kTileSide; ++j) {
    const V a = some.load(u + j * plane), b = some.load(u + (4 + j) * plane);
    const V c = some.load(u + (8 + j) * plane), d = some.load(u + (12 + j) * plane);
    const V both = (b + c) * half;
    up[0][j] = a + both, up[1][j] = (b - c) * half, up[2][j] = both + d;
  }
  T all[9][lanes];
  STEEP_UNROLL
  for (int i = 0; i < 3; ++i) {
    const V both = (up[i][1] + up[i][2]) * half;
    Native<T>::store(all[3 * i], up[i][0] + both);
    Native<T>::store(all[3 * i + 1], (up[i][1] - up[i][2]) * half);
    Native<T>::store(all[3 * i + 2], both + up[i][3]);
  }
  for (int c = 0; c < some.count; ++c)
    for (int p = 0; p < 9; ++p) out[c * 9 + p] = all[p][c];
}

}  // namespace
}  // namespace steep::kernels
