// The innermost part of a matrix product: a tile of C, some rows high and some registers wide, held
// in registers while k runs, and then the tile below it. Every element starts from 0 or from its
// partial sum, takes its products in order of k, one FMA each, and is finished (earlier slices, old
// C, bias, activation) before it is stored.
#pragma once

#include <cstdint>

#include "kernels/product/gemm.h"
#include "kernels/simd/simd.h"

namespace steep::kernels {
namespace {

// The short activations, for values and registers alike, bit for bit as the elementwise ones. NaN
// stays.
template <class V>
STEEP_INLINE V relu(V x) {
  return x <= V{} ? V{} : x;
}
template <class V>
STEEP_INLINE V leaky_relu(V x, V slope) {
  return x > V{} ? x : x * slope;
}

// The gradients, likewise. R says how V multiplies and adds.
template <class R, class V>
STEEP_INLINE V relu_backward(V grad, V out) {
  return out <= V{} ? V{} : grad;
}
template <class R, class V>
STEEP_INLINE V tanh_backward(V grad, V out, V one) {
  return grad * R::fma(-out, out, one);
}
template <class R, class V>
STEEP_INLINE V sigmoid_backward(V grad, V out, V one) {
  return grad * ((one - out) * out);
}

// What happens to a tile around its loop over k. Strides are in elements, between rows.
template <class T>
struct Tile {
  const T* from;  // partial sums to go on from; null: start at 0
  int64_t from_stride;
  const T* earlier;  // the sum of earlier slices of k, or null
  int64_t earlier_stride;
  const T* old;                  // what the finished product is added to, or null
  int64_t old_stride, old_step;  // step 0: one number for a whole row
  const T* bias;                 // one for each column, or null
  const T* aux;                  // what the activation's gradient reads beside the product, or null
  int64_t aux_stride;
  T* out;
  int64_t out_stride;
  Activation activation;  // in registers: none or a short one; a gradient once it is stored
  T slope;
  int last;  // columns in the tile's last register
};

// A tile's height and width (in registers) are such that its sums, a row of B and a value of A fill
// the register file. Narrow tiles may be taller and low ones wider: it takes many sums at once to
// keep the FMA units busy.
constexpr int kTileRows = kRegisters == 32 ? (kRegisterBytes == 64 ? 12 : 8) : 6;
// The build for CPUs without FMA, those of before 2013, does with fewer shapes, for size.
constexpr int kTileRegs = 2;
constexpr int kTallRows = STEEP_HAS_FMA ? 12 : kTileRows;  // at most, one register wide
constexpr int kLowRows = 3;                                // at most, kWideRegs wide
constexpr int kWideRegs = STEEP_HAS_FMA ? 4 : kTileRegs;

// Whether packed panels of A have micro-kernels of their own: for floats, where most products are;
// the others keep the wheel small.
template <class T>
constexpr bool kHasPackedMicros = STEEP_HAS_FMA && sizeof(T) == sizeof(float);

// Whether a row of whole registers goes by the micro-kernels of partial ones, as a mask costs nothing
// in registers of 64 bytes: for doubles, likewise.
template <class T>
constexpr bool kMasksWhole = kRegisterBytes == 64 && sizeof(T) == sizeof(double);

template <class T>
constexpr int kTileCols = kTileRegs * Native<T>::lanes;

constexpr int max_rows(int regs) {
  return regs == 1 ? kTallRows : regs == kTileRegs ? kTileRows : kLowRows;
}

// Multiplies `tiles` tiles, one below the other, by a strip of B: A(r, p) = a[r * row + p * col],
// B(p, j) = b[p * b_row + j].
template <class T>
using Micro = void (*)(int64_t k, const T* a, int64_t row, int64_t col, const T* b, int64_t b_row,
                       const Tile<T>& first, int64_t tiles);

// Access to register v of a row: the last one is partial where `partial` says so.
template <class T, int regs, bool partial>
STEEP_INLINE typename Native<T>::V load_reg(const T* x, int v, int last) {
  using R = Native<T>;
  return partial && v == regs - 1 ? R::load(x + v * R::lanes, last) : R::load(x + v * R::lanes);
}

// The gradient of an activation, from that of its output and the output itself.
template <class R, class V>
STEEP_INLINE V undone(Activation activation, V grad, V out) {
  const V one = R::broadcast(1);
  return activation == Activation::relu_backward   ? relu_backward<R>(grad, out)
         : activation == Activation::tanh_backward ? tanh_backward<R>(grad, out, one)
                                                   : sigmoid_backward<R>(grad, out, one);
}

// The gradients of a tile that has just been stored: one copy of the code for all shapes of tiles,
// a call for each, which costs less than the copies' size.
template <class T>
__attribute__((noinline)) void undo_tile(const Tile<T>& tile, int64_t top, int rows, int cols) {
  using R = Native<T>;
  const Activation activation = tile.activation;
  for (int r = 0; r < rows; ++r) {
    T* const c = tile.out + (top + r) * tile.out_stride;
    const T* const aux = tile.aux + (top + r) * tile.aux_stride;
    int j = 0;
    for (; j + R::lanes <= cols; j += R::lanes)
      R::store(c + j, undone<R>(activation, R::load(c + j), R::load(aux + j)));
    if (const int last = cols - j; last > 0)
      R::store(c + j, undone<R>(activation, R::load(c + j, last), R::load(aux + j, last)), last);
  }
}

// The end of a product whose sums lie in memory: what is rare (k over kSlice, a leaky slope), hence
// one copy of the code for all shapes of tiles. The same steps as in registers, in the same order.
template <class T>
__attribute__((noinline)) void finish_stored(const T* sum, int64_t stride, const Tile<T>& tile,
                                             int64_t top, int rows, int cols) {
  using R = Native<T>;
  const auto slope = R::broadcast(tile.slope);
  for (int r = 0; r < rows; ++r, sum += stride) {
    const int64_t row = top + r;
    for (int j = 0; j < cols; j += R::lanes) {
      const int some = cols - j < R::lanes ? cols - j : R::lanes;
      auto x = R::load(sum + j);
      if (tile.earlier) x = R::load(tile.earlier + row * tile.earlier_stride + j, some) + x;
      if (tile.old) x = R::load(tile.old + row * tile.old_stride + j, some) + x;
      if (tile.bias) x = x + R::load(tile.bias + j, some);
      if (tile.activation == Activation::relu) x = relu(x);
      if (tile.activation == Activation::leaky_relu) x = leaky_relu(x, slope);
      R::store(tile.out + row * tile.out_stride + j, x, some);
    }
  }
}

// The end of a product, in registers; `top` is the row of C, counted from the first tile's.
template <class T, int rows, int regs, bool partial>
STEEP_INLINE void finish(typename Native<T>::V (&sum)[rows][regs], const Tile<T>& tile,
                         int64_t top) {
  using R = Native<T>;
  using V = typename R::V;
  const auto load = load_reg<T, regs, partial>;
  const int cols = (regs - 1) * R::lanes + tile.last;
  if (tile.earlier || tile.activation == Activation::leaky_relu) {
    T stored[rows][regs][R::lanes];
    STEEP_UNROLL
    for (int r = 0; r < rows; ++r) {
      STEEP_UNROLL
      for (int v = 0; v < regs; ++v) R::store(stored[r][v], sum[r][v]);
    }
    finish_stored(stored[0][0], regs * R::lanes, tile, top, rows, cols);
    if (tile.aux) undo_tile(tile, top, rows, cols);
    return;
  }
  if (tile.old) {
    STEEP_UNROLL
    for (int r = 0; r < rows; ++r) {
      STEEP_UNROLL
      for (int v = 0; v < regs; ++v)
        sum[r][v] = load(tile.old + (top + r) * tile.old_stride, v, tile.last) + sum[r][v];
    }
  }
  if (tile.bias) {
    STEEP_UNROLL
    for (int v = 0; v < regs; ++v) {
      const V bias = load(tile.bias, v, tile.last);
      STEEP_UNROLL
      for (int r = 0; r < rows; ++r) sum[r][v] = sum[r][v] + bias;
    }
  }
  if (tile.activation == Activation::relu) {
    STEEP_UNROLL
    for (int r = 0; r < rows; ++r) {
      STEEP_UNROLL
      for (int v = 0; v < regs; ++v) sum[r][v] = relu(sum[r][v]);
    }
  }
  STEEP_UNROLL
  for (int r = 0; r < rows; ++r) {
    T* const out = tile.out + (top + r) * tile.out_stride;
    STEEP_UNROLL
    for (int v = 0; v < regs; ++v) {
      if (partial && v == regs - 1) {
        R::store(out + v * R::lanes, sum[r][v], tile.last);
      } else {
        R::store(out + v * R::lanes, sum[r][v]);
      }
    }
  }
  if (tile.aux) undo_tile(tile, top, rows, cols);
}

// `packed`: A lies column after column of each tile (row 1, col `rows`), which saves the address
// arithmetic.
template <class T, int rows, int regs, bool partial, bool packed>
void micro(int64_t k, const T* a, int64_t row, int64_t col, const T* b, int64_t b_row,
           const Tile<T>& tile, int64_t tiles) {
  using R = Native<T>;
  using V = typename R::V;
  if constexpr (packed) row = 1, col = rows;
  const auto load = load_reg<T, regs, partial>;
  const int last = tile.last;
  for (int64_t top = 0; top < tiles * rows; top += rows) {
    V sum[rows][regs];
    if (tile.from) {
      STEEP_UNROLL
      for (int r = 0; r < rows; ++r) {
        STEEP_UNROLL
        for (int v = 0; v < regs; ++v)
          sum[r][v] = load(tile.from + (top + r) * tile.from_stride, v, last);
      }
    } else {
      STEEP_UNROLL
      for (int r = 0; r < rows; ++r) {
        STEEP_UNROLL
        for (int v = 0; v < regs; ++v) sum[r][v] = R::zero();
      }
    }
    // Three rows share a base, so that x86 addresses them as base, base + row, base + 2 * row.
    constexpr int bases = (rows + 2) / 3;
    const T* base[bases];
    STEEP_UNROLL
    for (int i = 0; i < bases; ++i) base[i] = a + 3 * i * row;
    const T* right_row = b;
    for (int64_t p = 0; p < k; ++p) {
      V right[regs];
      STEEP_UNROLL
      for (int v = 0; v < regs; ++v) right[v] = load(right_row, v, last);
      STEEP_UNROLL
      for (int r = 0; r < rows; ++r) {
        const V left = R::broadcast(base[r / 3][r % 3 * row]);
        STEEP_UNROLL
        for (int v = 0; v < regs; ++v) sum[r][v] = R::fma(left, right[v], sum[r][v]);
      }
      STEEP_UNROLL
      for (int i = 0; i < bases; ++i) base[i] += col;
      right_row += b_row;
    }
    finish<T, rows, regs, partial>(sum, tile, top);
    a += rows * (packed ? k : row);
  }
}

// The micro-kernels by height - 1, width - 1, whether the last register is partial, whether A is
// packed.
template <class T>
struct Micros {
  Micro<T> of[kTallRows][kWideRegs][2][2];
};

template <class T, int rows, int regs>
constexpr void add_micros(Micros<T>& micros) {
  if constexpr (rows <= max_rows(regs)) {
    micros.of[rows - 1][regs - 1][0][0] = micro<T, rows, regs, kMasksWhole<T>, false>;
    micros.of[rows - 1][regs - 1][1][0] = micro<T, rows, regs, true, false>;
    if constexpr (kHasPackedMicros<T> && rows <= kTileRows && regs <= kTileRegs) {
      micros.of[rows - 1][regs - 1][0][1] = micro<T, rows, regs, false, true>;
      micros.of[rows - 1][regs - 1][1][1] = micro<T, rows, regs, true, true>;
    }
  }
  if constexpr (regs > 1) {
    add_micros<T, rows, regs - 1>(micros);
  } else if constexpr (rows > 1) {
    add_micros<T, rows - 1, kWideRegs>(micros);
  }
}

template <class T>
constexpr Micros<T> make_micros() {
  Micros<T> micros{};
  add_micros<T, kTallRows, kWideRegs>(micros);
  return micros;
}

template <class T>
constexpr Micros<T> kMicros = make_micros<T>();

}  // namespace
}  // namespace steep::kernels
