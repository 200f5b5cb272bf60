// One rectangle of a matrix product, computed by one thread: blocks of columns, of k and of rows,
// and inside a block strips of B as wide as a tile, and tiles down the rows.
//
// A strip is copied on its first visit when B lies along k or will be read many times; blocks of A
// are copied when many strips read them. Small products copy only what must be transposed.
#pragma once

#include <cstdint>

#include "kernels/ownership.h"
#include "kernels/product/gemm_blocks.h"
#include "kernels/product/gemm_micro.h"
#include "kernels/product/gemm_pack.h"
#include "kernels/product/gemm_small.h"
#include "kernels/product/patches.h"

namespace steep::kernels {
namespace {

// A rectangle of one matrix product: A(i, p) = a[i * a_row + p * a_col].
template <class T>
struct Rect {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t ldb;
  T* c;
  int64_t ldc;
  const T* bias;
  const T* aux;  // null unless the activation is a gradient
  int64_t aux_row;
  bool trans_b, accumulate;
  Activation activation;
  T slope;
  const Patches<T>*
      patches;        // in place of b, whose rows are patch elements unless trans_b; or null
  const T* row_bias;  // kMaxTileCols times for each row; or null, and never beside accumulate
};

// How a rectangle is walked, and where its copies lie.
template <class T>
struct Blocking {
  bool pack_a, pack_b;
  bool team;      // whether other cores may have read what was in C before
  int64_t strip;  // the width of strips
  T *a, *b, *partial, *total;
};

// One block of k: which part of the sum it is.
struct Depth {
  int64_t begin, count;
  bool first_in_slice, last_in_slice, first_slice, last_slice;
};

// What is copied first, from what was measured: a copy of B pays from two dozen rows on unless B
// stays in the first-level cache, a copy of A only when many strips read it and the second level
// has no room for A as it lies.
constexpr int64_t kKilo = 1024;

template <class T>
Blocking<T> blocking_of(const Rect<T>& rect, T* scratch, const GemmRoom& room, bool team) {
  Blocking<T> blocking;
  blocking.team = team;
  const int64_t a_bytes = rect.m * rect.k * static_cast<int64_t>(sizeof(T));
  const int64_t b_bytes = rect.n * rect.k * static_cast<int64_t>(sizeof(T));
  const bool low = rect.m <= kLowRows;  // strips are wide, and tiles of them read A as it lies
  blocking.pack_a = !low && (rect.a_col == 1 ? rect.n >= 384 && a_bytes >= 384 * kKilo
                                             : (rect.n >= 384 && a_bytes >= 256 * kKilo) ||
                                                   (rect.n >= 128 && a_bytes >= 512 * kKilo));
  blocking.pack_b =
      rect.trans_b || rect.patches || (rect.m >= 24 && b_bytes >= (rect.m < 64 ? 128 : 48) * kKilo);
  blocking.strip = (low ? kWideRegs : kTileRegs) * Native<T>::lanes;
  blocking.a = scratch;
  blocking.b = scratch + room.a;
  blocking.partial = room.partial ? blocking.b + room.b : nullptr;
  blocking.total = room.total ? blocking.b + room.b + room.partial : nullptr;
  return blocking;
}

// The heights of tiles: as equal as can be, for a thin last tile would leave the FMA units waiting.
struct Heights {
  int64_t base, tiles, taller;  // the first `taller` of the tiles have a row more than base
  Heights(int64_t rows, int64_t most) {
    tiles = ceil_div(rows, most);
    base = rows / tiles;
    taller = rows - tiles * base;
  }
  int64_t at(int64_t row) const { return base + (row < taller * (base + 1)); }
};

// Packs rows [0, rows) of A, tile after tile.
template <class T>
void pack_a(T* out, int64_t rows, int64_t k, const T* a, int64_t row, int64_t col) {
  const Heights heights(rows, kTileRows);
  if (col != 1) {
    return pack_strips(out, rows, 1, k, a, col, [&](int64_t i) { return heights.at(i); });
  }
  for (int64_t i = 0; i < rows;) {
    const int64_t height = heights.at(i);
    pack_along(out + i * k, height, height, k, a + i * row, row);
    i += height;
  }
}

// A strip of B ready for the micro-kernel.
template <class T>
struct Strip {
  const T* b;
  int64_t row;
};

template <class T>
void pack_patches(const Rect<T>& rect, const Depth& depth, int64_t j, int64_t cols, int64_t width,
                  T* out) {
  const Patches<T>& patches = *rect.patches;
  if (rect.trans_b)
    return patches.pack_along(out, width, patches.first + j, cols, depth.begin, depth.count);
  const Runs runs(*patches.conv, patches.apart, patches.first + j, cols);
  patches.pack_across(out, width, depth.begin, depth.count, runs);
}

// The strip of B at columns [j, j + cols), from the copy where there is one. On the first visit the
// copy is made: strip by strip if B lies along k, else several at once.
template <class T>
Strip<T> take_strip(const Rect<T>& rect, const Blocking<T>& blocking, const Depth& depth,
                    int64_t j0, int64_t j1, int64_t j, bool first_visit) {
  constexpr int lanes = Native<T>::lanes;
  const int64_t several = 8 * blocking.strip;
  const int64_t cols = smaller(blocking.strip, j1 - j), width = round_up(cols, lanes);
  T* const packed = blocking.b + (j - j0) * depth.count;
  if (rect.patches) {
    if (first_visit) pack_patches(rect, depth, j, cols, width, packed);
    return {packed, width};
  }
  const T* const b =
      rect.b + (rect.trans_b ? j * rect.ldb + depth.begin : depth.begin * rect.ldb + j);
  if (!blocking.pack_b && (width == cols || Native<T>::masks)) return {b, rect.ldb};
  if (first_visit) {
    if (rect.trans_b) {
      pack_along(packed, width, cols, depth.count, b, rect.ldb);
    } else if (!blocking.pack_b) {
      pack_across(packed, width, cols, depth.count, b, rect.ldb);
    } else if ((j - j0) % several == 0) {
      pack_strips(packed, smaller(several, j1 - j), lanes, depth.count, b, rect.ldb,
                  [&](int64_t) { return blocking.strip; });
    }
  }
  return {packed, width};
}

// How a finished product is stored at (i, j).
template <class T>
Tile<T> end_tile(const Rect<T>& rect, Tile<T> tile, int64_t i, int64_t j) {
  tile.out = rect.c + i * rect.ldc + j, tile.out_stride = rect.ldc;
  if (rect.accumulate) tile.old = tile.out, tile.old_stride = rect.ldc, tile.old_step = 1;
  if (rect.row_bias) tile.old = rect.row_bias + i * kMaxTileCols, tile.old_stride = kMaxTileCols;
  if (rect.bias) tile.bias = rect.bias + j;
  if (rect.activation != Activation::tanh && rect.activation != Activation::sigmoid)
    tile.activation = rect.activation;
  if (rect.aux) tile.aux = rect.aux + i * rect.aux_row + j, tile.aux_stride = rect.aux_row;
  tile.slope = rect.slope;
  return tile;
}

// Where a block of k takes partial sums from and leaves them: in C at (i0, j0) and beyond, or in
// rows of their own.
template <class T>
Tile<T> make_tile(const Rect<T>& rect, const Blocking<T>& blocking, const Depth& depth, int64_t i0,
                  int64_t j0) {
  T* const c = rect.c + i0 * rect.ldc + j0;
  const int64_t own = smaller(round_up(rect.n, kMaxTileCols), kBlockCols);
  T* const partial = blocking.partial ? blocking.partial : c;
  const int64_t partial_stride = blocking.partial ? own : rect.ldc;
  T* const total = blocking.total ? blocking.total : c;
  const int64_t total_stride = blocking.total ? own : rect.ldc;
  Tile<T> tile{};
  if (!depth.first_in_slice) tile.from = partial, tile.from_stride = partial_stride;
  tile.out = partial, tile.out_stride = partial_stride;
  if (!depth.last_in_slice) return tile;
  if (!depth.first_slice) tile.earlier = total, tile.earlier_stride = total_stride;
  tile.out = total, tile.out_stride = total_stride;
  if (!depth.last_slice) return tile;
  return end_tile(rect, tile, i0, j0);
}

// The tile i rows further down and j columns to the right.
template <class T>
STEEP_INLINE Tile<T> moved(Tile<T> tile, int64_t i, int64_t j) {
  if (tile.from) tile.from += i * tile.from_stride + j;
  if (tile.earlier) tile.earlier += i * tile.earlier_stride + j;
  if (tile.old) tile.old += i * tile.old_stride + j * tile.old_step;
  if (tile.bias) tile.bias += j;
  if (tile.aux) tile.aux += i * tile.aux_stride + j;
  tile.out += i * tile.out_stride + j;
  return tile;
}

// The rows of a strip of C that are taken back from other cores before it is computed: as many as
// there is room for in a core's queue of stores. While those are computed, others can wait.
constexpr int64_t kTakenRows = 48;

// A block of C up to this size is still in the second level when all its strips are done: then its
// activation runs over whole rows, twice as fast as over strips.
constexpr int64_t kWholeBytes = 256 * kKilo;

// Multiplies rows [i0, i1) of A by columns [j0, j1) of B over one block of k. `origin` is the tile
// at (row_origin, j0); the rows that begin there are the first visitors of B.
template <class T>
void multiply_block(const Rect<T>& rect, const Blocking<T>& blocking, const Depth& depth,
                    const Tile<T>& origin, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
                    int64_t row_origin) {
  const T* a = rect.a + i0 * rect.a_row + depth.begin * rect.a_col;
  if (blocking.pack_a) pack_a(blocking.a, i1 - i0, depth.count, a, rect.a_row, rect.a_col);
  constexpr int lanes = Native<T>::lanes;
  const bool finished = depth.last_in_slice && depth.last_slice;
  const bool whole = (i1 - i0) * (j1 - j0) * int64_t{sizeof(T)} <= kWholeBytes;
  for (int64_t j = j0; j < j1; j += blocking.strip) {
    const int64_t cols = smaller(blocking.strip, j1 - j);
    const int regs = static_cast<int>(ceil_div(cols, lanes));
    const Strip<T> strip = take_strip(rect, blocking, depth, j0, j1, j, i0 == row_origin);
    Tile<T> tile = moved(origin, i0 - row_origin, j - j0);
    if (blocking.team)
      take_back(tile.out, smaller(i1 - i0, kTakenRows), tile.out_stride * int64_t{sizeof(T)});
    tile.last = static_cast<int>(cols - (regs - 1) * lanes);
    const Heights heights(i1 - i0, blocking.pack_a ? kTileRows : max_rows(regs));
    const auto run = [&](int64_t height, int64_t i, int64_t tiles) {
      const bool is_packed = blocking.pack_a && kHasPackedMicros<T>;
      const Micro<T> micro = kMicros<T>.of[height - 1][regs - 1][tile.last != lanes][is_packed];
      const T* const left = blocking.pack_a ? blocking.a + i * depth.count : a + i * rect.a_row;
      if (!blocking.pack_a || is_packed)
        return micro(depth.count, left, rect.a_row, rect.a_col, strip.b, strip.row, tile, tiles);
      for (int64_t t = 0; t < tiles; ++t)  // each of them lies column after column
        micro(depth.count, left + t * height * depth.count, 1, height, strip.b, strip.row,
              moved(tile, t * height, 0), 1);
    };
    if (heights.taller > 0) {
      run(heights.base + 1, 0, heights.taller);
      tile = moved(tile, heights.taller * (heights.base + 1), 0);
    }
    run(heights.base, heights.taller * (heights.base + 1), heights.tiles - heights.taller);
    if (!whole && finished)
      activate(rect.c + i0 * rect.ldc + j, rect.ldc, i1 - i0, cols, rect.activation);
  }
  if (whole && finished)
    activate(rect.c + i0 * rect.ldc + j0, rect.ldc, i1 - i0, j1 - j0, rect.activation);
}

// The narrowest row of C that is worth multiply_row: below, its sums fit in registers.
constexpr int64_t kRowLeast = 128;

// The whole of k for rows [i0, i1) and columns [j0, j1).
template <class T>
void multiply_columns(const Rect<T>& rect, const Blocking<T>& blocking, int64_t i0, int64_t i1,
                      int64_t j0, int64_t j1) {
  Depth depth{};
  const int64_t row_blocks = blocking.pack_a ? ceil_div(i1 - i0, kBlockRows) : 1;
  const int64_t rows = round_up(ceil_div(i1 - i0, row_blocks), kTileRows);
  int64_t slice = 0;
  do {
    const int64_t slice_end = smaller(slice + kSlice, rect.k);
    depth.first_slice = slice == 0;
    depth.last_slice = slice_end == rect.k;
    const int64_t blocks = ceil_div(slice_end - slice, kBlockDepth);
    const int64_t step =
        blocks > 1 ? round_up(ceil_div(slice_end - slice, blocks), 8) : slice_end - slice;
    depth.begin = slice;
    do {
      depth.count = smaller(step, slice_end - depth.begin);
      depth.first_in_slice = depth.begin == slice;
      depth.last_in_slice = depth.begin + depth.count == slice_end;
      const Tile<T> origin = make_tile(rect, blocking, depth, i0, j0);
      for (int64_t i = i0; i < i1; i += rows)
        multiply_block(rect, blocking, depth, origin, i, smaller(i + rows, i1), j0, j1, i0);
      depth.begin += depth.count;
    } while (depth.begin < slice_end);
    slice = slice_end;
  } while (slice < rect.k);
}

// All of it.
template <class T>
void multiply_rect(const Rect<T>& rect, const Blocking<T>& blocking) {
  if (rect.m == 1 && !rect.trans_b && rect.n >= kRowLeast && !rect.patches && !rect.row_bias) {
    for (int64_t j = 0; j < rect.n; j += kRowCols) {
      const Tile<T> tile = end_tile(rect, Tile<T>{}, 0, j);
      multiply_row(smaller(kRowCols, rect.n - j), rect.k, rect.a, rect.a_col, rect.b + j, rect.ldb,
                   tile);
      activate(tile.out, rect.ldc, 1, smaller(kRowCols, rect.n - j), rect.activation);
    }
    return;
  }
  const int64_t rows = blocking.partial ? kCarefulRows : rect.m;
  for (int64_t j = 0; j < rect.n; j += kBlockCols) {
    for (int64_t i = 0; i < rect.m; i += rows)
      multiply_columns(rect, blocking, i, smaller(i + rows, rect.m), j,
                       smaller(j + kBlockCols, rect.n));
  }
}

}  // namespace
}  // namespace steep::kernels
