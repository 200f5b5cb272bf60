// Packing: a strip of A or B is copied to where the micro-kernel reads it best, column of k after column of k.
//
// Both functions write out[p * width + r] for p < k and r < width, with 0 in r >= count. They may write up to a
// register's length of junk behind the strip, so strips are packed in rising order and the last has room behind it.
#pragma once

#include <cstdint>

#include "simd.h"

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
  for (int64_t p = 0; p < k; ++p, x += stride, out += width) {
    for (int64_t r = 0; r < width; r += lanes) {
      const int64_t left = count - r;
      R::store(out + r, left >= lanes ? R::load(x + r) : R::load(x + r, left > 0 ? left : 0));
    }
  }
}

// One block of pack_along: `columns` <= lanes values of k, for all rows of the strip.
template <class T>
STEEP_INLINE void pack_block(T* out, int64_t width, int64_t count, const T* x, int64_t stride,
                             int columns) {
  using R = Square<T>;
  constexpr int lanes = R::lanes;
  for (int64_t r = 0; r < width; r += lanes) {
    typename R::V v[lanes];
    STEEP_UNROLL
    for (int i = 0; i < lanes; ++i) {
      const T* const row = x + (r + i) * stride;
      v[i] = r + i >= count ? R::zero() : columns == lanes ? R::load(row) : R::load(row, columns);
    }
    transpose(v);
    // A strip narrower than a register is stored whole: the next column overwrites the excess.
    const bool whole = r + lanes <= width || r == 0;
    STEEP_UNROLL
    for (int i = 0; i < lanes; ++i) {
      if (i >= columns) break;
      if (whole) {
        R::store(out + i * width + r, v[i]);
      } else {
        R::store(out + i * width + r, v[i], static_cast<int>(width - r));
      }
    }
  }
}

// From x[r * stride + p]: rows lie along k, and are transposed in square blocks.
template <class T>
void pack_along(T* out, int64_t width, int64_t count, int64_t k, const T* x, int64_t stride) {
  constexpr int lanes = Square<T>::lanes;
  int64_t p = 0;
  for (; p + lanes <= k; p += lanes)
    pack_block(out + p * width, width, count, x + p, stride, lanes);
  if (p < k) pack_block(out + p * width, width, count, x + p, stride, static_cast<int>(k - p));
}

}  // namespace
}  // namespace steep::kernels
