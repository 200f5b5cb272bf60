// Packing: a strip of A or B is copied to where the micro-kernel reads it best, column of k after
// column of k.
//
// Both functions write out[p * width + r] for p < k and r < width, with 0 in r >= count, and
// nothing beyond: behind it may lie a strip that is already there. A whole register is stored where
// what it has too much falls on columns that are still to come, however many of them it covers.
#pragma once

#include <cstdint>

#include "kernels/product/gemm_blocks.h"
#include "kernels/simd/simd.h"

namespace steep::kernels {
namespace {

// From x[r + p * stride]: the strip's elements lie side by side.
template <class T>
void pack_across(T* out, int64_t width, int64_t count, int64_t k, const T* x, int64_t stride) {
  using R = Native<T>;
  constexpr int lanes = R::lanes;
  if (count == 2 * lanes && width == count) {
    for (int64_t p = 0; p < k; ++p, x += stride, out += 2 * lanes) {
      const auto low = R::load(x), high = R::load(x + lanes);
      R::store(out, low);
      R::store(out + lanes, high);
    }
    return;
  }
  T* const end = out + k * width;
  if (count < lanes && width == count) {
    const int some = static_cast<int>(count);
    for (; end - out >= lanes; x += stride, out += width) R::store(out, R::load(x, some));
    for (; out < end; x += stride, out += width) R::store(out, R::load(x, some), some);
    return;
  }
  for (int64_t p = 0; p < k; ++p, x += stride, out += width) {
    for (int64_t r = 0; r < width; r += lanes) {
      const int64_t left = count - r;
      const auto v =
          left >= lanes ? R::load(x + r) : R::load(x + r, static_cast<int>(left > 0 ? left : 0));
      if (end - (out + r) >= lanes) {
        R::store(out + r, v);
      } else {
        R::store(out + r, v, static_cast<int>(width - r));
      }
    }
  }
}

// One row of a square on its way from x to out: `rows` of the square exist, `columns` values of k,
// and a row of the result has `space`.
template <class T>
struct Square {
  using R = SquareReg<T>;
  T* out;
  int64_t width;
  const T* x;
  int64_t stride, rows;
  int columns, space;

  STEEP_INLINE typename R::V load(int i) const {
    const T* const row = x + i * stride;
    return i >= rows ? R::zero() : columns == R::lanes ? R::load(row) : R::load(row, columns);
  }
  // Only a strip narrower than a register has nothing but its own columns behind each of them.
  STEEP_INLINE void store(int i, typename R::V v) const {
    if (i >= columns) return;
    if (space >= R::lanes || (space == width && (columns - i) * width >= R::lanes)) {
      R::store(out + i * width, v);
    } else {
      R::store(out + i * width, v, space);
    }
  }
  STEEP_INLINE void pack() const {
    if constexpr (R::lanes == 8) {
      auto a = load(0), b = load(1), c = load(2), d = load(3);
      auto e = load(4), f = load(5), g = load(6), h = load(7);
      transpose(a, b, c, d, e, f, g, h);
      store(0, a), store(1, b), store(2, c), store(3, d);
      store(4, e), store(5, f), store(6, g), store(7, h);
    } else if constexpr (R::lanes == 4) {
      auto a = load(0), b = load(1), c = load(2), d = load(3);
      transpose(a, b, c, d);
      store(0, a), store(1, b), store(2, c), store(3, d);
    } else if constexpr (R::lanes == 2) {
      auto a = load(0), b = load(1);
      transpose(a, b);
      store(0, a), store(1, b);
    } else {
      store(0, load(0));
    }
  }
};

// From x[r * stride + p]: rows lie along k, and are transposed in squares, as many rows at once as
// the first-level cache keeps lines at a stride of a power of two.
template <class T>
void pack_along(T* out, int64_t width, int64_t count, int64_t k, const T* x, int64_t stride) {
  constexpr int lanes = SquareReg<T>::lanes;
  for (int64_t r = 0; r < width; r += lanes, x += lanes * stride) {
    const int space = static_cast<int>(smaller(lanes, width - r));
    int64_t p = 0;
    if (space == lanes && count - r >= lanes) {
      for (; p + lanes <= k; p += lanes)
        Square<T>{out + p * width + r, width, x + p, stride, lanes, lanes, lanes}.pack();
    }
    for (; p < k; p += lanes) {
      const int columns = static_cast<int>(smaller(lanes, k - p));
      Square<T>{out + p * width + r, width, x + p, stride, count - r, columns, space}.pack();
    }
  }
}

// How many rows of k are spread over many strips at a time: whole lines are read, and with a stride
// of a power of two this many still fit in the first-level cache.
constexpr int64_t kSpread = 8;

// Packs neighbouring strips, strip(r) wide at element r, from x[r + p * stride]; the one at r goes
// to out + r * k, and the last is padded to a multiple of `unit`.
template <class T, class Width>
void pack_strips(T* out, int64_t total, int64_t unit, int64_t k, const T* x, int64_t stride,
                 Width strip) {
  for (int64_t p = 0; p < k; p += kSpread) {
    const int64_t rows = smaller(kSpread, k - p);
    for (int64_t r = 0; r < total;) {
      const int64_t count = smaller(strip(r), total - r), width = round_up(count, unit);
      pack_across(out + r * k + p * width, width, count, rows, x + p * stride + r, stride);
      r += count;
    }
  }
}

}  // namespace
}  // namespace steep::kernels
