// The kernels of winograd.h: blocks of tiles, and a product for each of their 16 elements. They are
// compiled with gemm.cpp, whose tiles they share.
#pragma once

#include <cstdint>

#include "kernels/product/gemm_rect.h"
#include "kernels/product/winograd.h"
#include "kernels/product/winograd_tiles.h"

namespace steep::kernels {
namespace {

// Rows of tiles that are computed together: about so many tiles that they and their products stay in
// the second-level cache, where channels are few. By shape alone.
constexpr int64_t rows_of_block(const Winograd& conv, bool gradient) {
  const int64_t fitting = 8192 / (conv.channels + conv.rows);
  const int64_t least = gradient ? 128 : 64;
  const int64_t tiles = fitting < least ? least : smaller(fitting, 128);
  const int64_t rows = tiles / tiles_along(conv.width);
  return rows < 1 ? 1 : rows;
}
constexpr int64_t all_rows(const Winograd& conv) { return conv.batch * tiles_along(conv.height); }

// One rank's room, in elements: a product's, rows of the image and of the results, and 16 planes of
// each side of the products.
struct WinogradRoom {
  GemmRoom product;
  int64_t image, result, left, right, planes;
  constexpr int64_t all() const { return product.all() + image + result + left + right + planes; }
};

constexpr WinogradRoom winograd_room(const Winograd& conv, bool gradient) {
  const int64_t tiles = rows_of_block(conv, gradient) * tiles_along(conv.width);
  const auto even = [](int64_t count) { return round_up(count, 64); };
  WinogradRoom room{};
  room.product = gradient ? gemm_room(conv.rows, conv.channels, tiles, true)
                          : gemm_room(tiles, conv.rows, conv.channels, false);
  room.image = even(kTileSide * (2 * tiles_along(conv.width) + 2) * conv.channels);
  room.result = even(4 * tiles_along(conv.width) * conv.rows);
  room.left = even(kTileSize * tiles * conv.channels);
  room.right = even(kTileSize * tiles * conv.rows);
  room.planes = gradient ? even(kTileSize * conv.rows * conv.channels) : 0;
  return room;
}

inline Cost winograd_cost(const LaunchView& launch) {
  const Winograd& conv = launch.as<Winograd>();
  constexpr double kSpeed = 4;
  const double tiles = static_cast<double>(all_rows(conv) * tiles_along(conv.width));
  return {2 * kTileSize * tiles * static_cast<double>(conv.channels * conv.rows), launch.bytes,
          kSpeed};
}
template <bool gradient>
int64_t winograd_scratch(const LaunchView& launch, int /*threads*/) {
  return winograd_room(launch.as<Winograd>(), gradient).all() * launch.element_size;
}

template <class T>
void winograd_weights(const Task& task) {
  const WinogradWeights& given = arguments<WinogradWeights>(task);
  constexpr int lanes = Native<T>::lanes;
  T* const u = static_cast<T*>(task.data[0]);
  const T* const w = static_cast<const T*>(task.data[1]);
  const Range channels = share(given.channels, 1, task.rank, task.size);
  for (int64_t c = channels.begin; c < channels.end; ++c)
    for (int64_t i = 0; i < given.rows; i += lanes)
      weight_tiles(u + c * given.rows + i, given.channels * given.rows,
                   w + c * given.channel_step + i * given.row_step, given,
                   smaller(lanes, given.rows - i));
}

// The tiles of some channels of the image, for rows [begin, end) of tiles: v [16, tiles, channels].
template <class T>
void image_tiles(T* v, RowsOfTiles<T>& rows, const T* image, const Winograd& conv, int64_t channels,
                 const Range& block) {
  const int64_t across = tiles_along(conv.width), down = tiles_along(conv.height);
  const int64_t plane = (block.end - block.begin) * across * channels;
  for (int64_t row = block.begin; row < block.end; ++row) {
    const int64_t n = row / down;
    rows.take(image + n * conv.channels * conv.height.in * conv.width.in, n, row % down);
    for (int64_t q = 0; q < across; ++q, v += channels)
      for_channels<T>(channels, [&](int64_t c, const Channels<T>& some) {
        image_tile(v + c, plane, rows.row, 2 * q * channels + c, channels, some);
      });
  }
}

template <class T>
void multiply_planes(Rect<T> rect, int64_t a_plane, int64_t b_plane, int64_t c_plane, T* scratch,
                     const GemmRoom& room) {
  const Blocking<T> blocking = blocking_of(rect, scratch, room, false);
  for (int e = 0; e < kTileSize; ++e) {
    multiply_rect(rect, blocking);
    rect.a += a_plane, rect.b += b_plane, rect.c += c_plane;
  }
}

// The results of rows [begin, end) of tiles, from m [16, tiles, rows].
template <class T>
void result_tiles(T* out, const T* m, const T* bias, T* strip, const Winograd& conv,
                  const Range& block) {
  const int64_t across = tiles_along(conv.width), down = tiles_along(conv.height);
  const int64_t plane = (block.end - block.begin) * across * conv.rows;
  const int64_t size = conv.height.out * conv.width.out;
  T* const rows[2] = {strip, strip + 2 * across * conv.rows};
  for (int64_t row = block.begin; row < block.end; ++row) {
    for (int64_t q = 0; q < across; ++q, m += conv.rows)
      for_channels<T>(conv.rows, [&](int64_t c, const Channels<T>& some) {
        const auto added = bias ? some.load(bias + c) : Native<T>::zero();
        result_tile(rows, 2 * q * conv.rows + c, conv.rows, m + c, plane, added, some);
      });
    const int64_t n = row / down, y = row % down * 2;
    for (int64_t i = 0; i < 2 && y + i < conv.height.out; ++i)
      transpose_rows(out + n * conv.rows * size + (y + i) * conv.width.out, size, conv.width.out,
                     conv.rows, rows[i], conv.rows);
  }
}

// Ranks share the blocks.
template <class T>
void winograd(const Task& task) {
  const Winograd& conv = arguments<Winograd>(task);
  const WinogradRoom room = winograd_room(conv, false);
  T* const scratch = static_cast<T*>(task.scratch);
  T* const strip = scratch + room.product.all() + room.image;
  T* const v = strip + room.result;
  T* const m = v + room.left;
  RowsOfTiles<T> rows(scratch + room.product.all(), conv, conv.channels);
  const int64_t height = rows_of_block(conv, false);
  const Range mine = share(ceil_div(all_rows(conv), height), 1, task.rank, task.size);
  for (int64_t at = mine.begin; at < mine.end; ++at) {
    const Range block{at * height, smaller((at + 1) * height, all_rows(conv))};
    const int64_t tiles = (block.end - block.begin) * tiles_along(conv.width);
    image_tiles(v, rows, static_cast<const T*>(task.data[1]), conv, conv.channels, block);
    Rect<T> rect{};
    rect.m = tiles, rect.n = conv.rows, rect.k = conv.channels;
    rect.a = v, rect.a_row = conv.channels, rect.a_col = 1;
    rect.b = static_cast<const T*>(task.data[2]), rect.ldb = conv.rows;
    rect.c = m, rect.ldc = conv.rows;
    multiply_planes(rect, tiles * conv.channels, conv.channels * conv.rows, tiles * conv.rows,
                    scratch, room.product);
    result_tiles(static_cast<T*>(task.data[0]), m, static_cast<const T*>(task.data[3]), strip, conv,
                 block);
  }
}

// The gradients of some rows of the result as tiles: z [16, tiles, rows].
template <class T>
void gradient_tiles(T* z, T* strip, const T* grad, const Winograd& conv, int64_t count,
                    const Range& block) {
  const int64_t across = tiles_along(conv.width), down = tiles_along(conv.height);
  const int64_t plane = (block.end - block.begin) * across * count;
  const Winograd as_image{
      conv.batch, conv.rows, 0, {conv.height.out, 0, 0}, {conv.width.out, 0, 0}};
  T* const rows[2] = {strip, strip + 2 * across * count};
  for (int64_t row = block.begin; row < block.end; ++row) {
    const T* const image = grad + row / down * conv.rows * conv.height.out * conv.width.out;
    for (int i = 0; i < 2; ++i)
      take_row(rows[i], image, as_image, row % down * 2 + i, 2 * across, count);
    for (int64_t q = 0; q < across; ++q, z += count)
      for_channels<T>(count, [&](int64_t c, const Channels<T>& some) {
        gradient_tile(z + c, plane, rows, 2 * q * count + c, count, some);
      });
  }
}

// The gradient of the weights of some rows and channels, over all images.
template <class T>
void sum_over_tiles(const Task& task, const Range& own_rows, const Range& own_channels) {
  const Winograd& conv = arguments<Winograd>(task);
  const WinogradRoom room = winograd_room(conv, true);
  const int64_t count = own_rows.end - own_rows.begin;
  const int64_t channels = own_channels.end - own_channels.begin;
  T* const scratch = static_cast<T*>(task.scratch);
  T* const strip = scratch + room.product.all() + room.image;
  T* const v = strip + room.result;
  T* const z = v + room.left;
  T* const u = z + room.right;
  RowsOfTiles<T> rows(scratch + room.product.all(), conv, channels);
  const T* const image =
      static_cast<const T*>(task.data[1]) + own_channels.begin * conv.height.in * conv.width.in;
  const T* const grad =
      static_cast<const T*>(task.data[2]) + own_rows.begin * conv.height.out * conv.width.out;
  const int64_t height = rows_of_block(conv, true);
  for (int64_t at = 0; at < all_rows(conv); at += height) {
    const Range block{at, smaller(at + height, all_rows(conv))};
    const int64_t tiles = (block.end - block.begin) * tiles_along(conv.width);
    image_tiles(v, rows, image, conv, channels, block);
    gradient_tiles(z, strip, grad, conv, count, block);
    Rect<T> rect{};
    rect.m = count, rect.n = channels, rect.k = tiles;
    rect.a = z, rect.a_row = 1, rect.a_col = count;
    rect.b = v, rect.ldb = channels;
    rect.c = u, rect.ldc = channels;
    rect.accumulate = at > 0;
    multiply_planes(rect, tiles * count, tiles * channels, count * channels, scratch, room.product);
  }
  for (int64_t i = 0; i < count; ++i) {
    T* const out = static_cast<T*>(task.data[0]) +
                   ((own_rows.begin + i) * conv.channels + own_channels.begin) * 9;
    for_channels<T>(channels, [&](int64_t c, const Channels<T>& some) {
      weight_gradient(out + c * 9, u + i * channels + c, count * channels, some);
    });
  }
}

// Ranks share the channels, or where those are few the rows.
template <class T>
void winograd_gradient(const Task& task) {
  constexpr int64_t kUnit = 16;
  const Winograd& conv = arguments<Winograd>(task);
  const bool by_rows = conv.channels < kUnit * task.size && conv.rows > conv.channels;
  const Range rows = by_rows ? share(conv.rows, kUnit, task.rank, task.size) : Range{0, conv.rows};
  const Range channels =
      by_rows ? Range{0, conv.channels} : share(conv.channels, kUnit, task.rank, task.size);
  if (rows.begin < rows.end && channels.begin < channels.end)
    sum_over_tiles<T>(task, rows, channels);
}

}  // namespace
}  // namespace steep::kernels
