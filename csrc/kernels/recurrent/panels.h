// Weights packed once for the products of all steps.
#pragma once

#include <cstdint>

#include "kernels/product/gemm_micro.h"
#include "kernels/product/gemm_pack.h"
#include "kernels/product/gemm_rect.h"

namespace steep::kernels {
namespace {

// Columns of a matrix B[depth, columns], packed in strips as wide as a tile.
template <class T>
struct Panel {
  T* packed;
  int64_t depth, columns, strip;
};

// Room for a panel of so many columns, in elements; packing may write a register too much.
constexpr int64_t panel_room(int64_t depth, int64_t columns) {
  return depth * round_up(columns, kMaxTileCols) + kMaxTileCols;
}

// The width of strips for products of so many rows: few rows want many columns at once.
template <class T>
constexpr int64_t strip_for(int64_t rows) {
  return (rows <= kLowRows ? kWideRegs : kTileRegs) * Native<T>::lanes;
}

// Packs B(p, j) = w[j * stride + p] where `along`, else w[p * stride + j].
template <class T>
Panel<T> make_panel(T* room, int64_t depth, int64_t columns, int64_t rows, const T* w,
                    int64_t stride, bool along) {
  const Panel<T> panel{room, depth, columns, strip_for<T>(rows)};
  for (int64_t j = 0; j < columns; j += panel.strip) {
    const int64_t cols = smaller(panel.strip, columns - j);
    const int64_t width = round_up(cols, Native<T>::lanes);
    if (along) {
      pack_along(room + j * depth, width, cols, depth, w + j * stride, stride);
    } else {
      pack_across(room + j * depth, width, cols, depth, w + j, stride);
    }
  }
  return panel;
}

// A B for `rows` rows of A, at most as many as the panel was made for; `end` says what becomes of
// the product's first element.
template <class T>
void multiply_panel(const Panel<T>& panel, int64_t rows, const T* a, int64_t stride, Tile<T> end) {
  constexpr int lanes = Native<T>::lanes;
  for (int64_t j = 0; j < panel.columns; j += panel.strip) {
    const int64_t cols = smaller(panel.strip, panel.columns - j);
    const int regs = static_cast<int>(ceil_div(cols, lanes));
    const T* const b = panel.packed + j * panel.depth;
    Tile<T> tile = moved(end, 0, j);
    tile.last = static_cast<int>(cols - (regs - 1) * lanes);
    const Heights heights(rows, max_rows(regs));
    const auto run = [&](int64_t height, int64_t i, int64_t tiles) {
      const Micro<T> micro = kMicros<T>.of[height - 1][regs - 1][tile.last != lanes][0];
      micro(panel.depth, a + i * stride, stride, 1, b, regs * lanes, tile, tiles);
    };
    const int64_t below = heights.taller * (heights.base + 1);
    if (heights.taller > 0) {
      run(heights.base + 1, 0, heights.taller);
      tile = moved(tile, below, 0);
    }
    run(heights.base, below, heights.tiles - heights.taller);
  }
}

}  // namespace
}  // namespace steep::kernels
