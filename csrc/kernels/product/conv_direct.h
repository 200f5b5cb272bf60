// Convolutions with so few rows and channels in a group that packing would cost more than the product:
// depthwise ones above all. The image is read where patches are read, a row of the result at a time.
//
// Sums are taken along p as in conv.h, after the bias; those of kConvWeight in 16 lanes along each
// row of the result, row after row, the lanes combined for each image, and then from image to image.
#pragma once

#include <cstdint>

#include "kernels/product/conv.h"
#include "kernels/product/gemm_small.h"
#include "kernels/product/patches.h"

namespace steep::kernels {
namespace {

constexpr int64_t kFewRows = 4, kFewProducts = 4;

// By shape alone. A result of many channels is computed directly if its rows fill registers.
constexpr bool is_direct(const Conv& conv) {
  return conv.rows <= kFewRows &&
         (conv.channels * conv.rows <= kFewProducts || conv.width.out >= kDotLanes);
}
constexpr bool is_weight_direct(const Conv& conv) {
  return conv.channels * conv.rows <= kFewProducts && conv.groups >= 4;
}

// Where the row of the result begins, in the image as patches read it.
inline int64_t row_in_image(const Conv& conv, const ImageStrides& strides, int64_t row) {
  const int64_t d = row / conv.height.out, h = row % conv.height.out;
  return d * conv.depth.stride * strides.plane + h * conv.height.stride * strides.row;
}

// What a row of the result is made of.
template <class T>
struct DirectRow {
  const T *x, *weight;  // at the first place; rows of the weights are `patch` apart
  const int64_t* places;
  int64_t channels, kernel, volume;
  int64_t patch;
};

// `regs` registers of kRows results from column w on, `count` lanes of the last.
template <int kRows, int regs, class T>
STEEP_INLINE void direct_columns(T* out, int64_t apart, const DirectRow<T>& row, const T* bias,
                                 int64_t w, int count) {
  using R = Native<T>;
  typename R::V sum[kRows][regs];
  STEEP_UNROLL
  for (int i = 0; i < kRows; ++i) {
    STEEP_UNROLL
    for (int v = 0; v < regs; ++v) sum[i][v] = R::broadcast(bias ? bias[i] : T(0));
  }
  const T *channel = row.x + w, *weight = row.weight;
  for (int64_t c = 0; c < row.channels; ++c, channel += row.volume, weight += row.kernel) {
    for (int64_t p = 0; p < row.kernel; ++p) {
      const T* const x = channel + row.places[p];
      typename R::V value[regs];
      STEEP_UNROLL
      for (int v = 0; v < regs; ++v)
        value[v] = regs == 1 ? R::load(x, count) : R::load(x + v * R::lanes);
      STEEP_UNROLL
      for (int i = 0; i < kRows; ++i) {
        const typename R::V factor = R::broadcast(weight[i * row.patch + p]);
        STEEP_UNROLL
        for (int v = 0; v < regs; ++v) sum[i][v] = R::fma(factor, value[v], sum[i][v]);
      }
    }
  }
  STEEP_UNROLL
  for (int i = 0; i < kRows; ++i) {
    T* const to = out + i * apart + w;
    STEEP_UNROLL
    for (int v = 0; v < regs; ++v) {
      if (regs == 1) {
        R::store(to, sum[i][v], count);
      } else {
        R::store(to + v * R::lanes, sum[i][v]);
      }
    }
  }
}

template <int kRows, class T>
void direct_row(T* out, int64_t apart, const DirectRow<T>& row, const T* bias, int64_t width) {
  constexpr int kRegs = 4, kLanesOfOne = Native<T>::lanes, kStep = kRegs * kLanesOfOne;
  int64_t w = 0;
  for (; w + kStep <= width; w += kStep)
    direct_columns<kRows, kRegs>(out, apart, row, bias, w, kLanesOfOne);
  for (; w < width; w += kLanesOfOne)
    direct_columns<kRows, 1>(out, apart, row, bias, w,
                             static_cast<int>(smaller(kLanesOfOne, width - w)));
}

// ---- one channel and a kernel of 3x3 ----

// Each row of the image is read once for all rows of the result that it reaches.
constexpr bool is_depthwise_3x3(const Conv& conv) {
  return conv.channels == 1 && conv.rows == 1 && conv.depth.out == 1 && conv.depth.kernel == 1 &&
         conv.height.kernel == 3 && conv.height.stride == 1 && conv.height.dilation == 1 &&
         conv.width.kernel == 3 && conv.width.stride == 1 && conv.width.dilation == 1;
}

template <class T>
struct Depthwise {
  typename Native<T>::V weight[9], bias;
  int64_t row, width;  // elements from row to row of the image, and of a row of the result
};

// A register of each of kRows rows of the result: all of it, or `count` lanes.
template <int kRows, bool kWhole, class T>
STEEP_INLINE void depthwise_columns(T* out, const T* x, const Depthwise<T>& by, int count) {
  using R = Native<T>;
  typename R::V sum[kRows];
  STEEP_UNROLL
  for (int i = 0; i < kRows; ++i) sum[i] = by.bias;
  STEEP_UNROLL
  for (int r = 0; r < kRows + 2; ++r) {
    STEEP_UNROLL
    for (int w = 0; w < 3; ++w) {
      const T* const at = x + r * by.row + w;
      const typename R::V value = kWhole ? R::load(at) : R::load(at, count);
      STEEP_UNROLL
      for (int i = r < 2 ? 0 : r - 2; i < kRows && i <= r; ++i)
        sum[i] = R::fma(by.weight[3 * (r - i) + w], value, sum[i]);
    }
  }
  STEEP_UNROLL
  for (int i = 0; i < kRows; ++i) {
    T* const to = out + i * by.width;
    kWhole ? R::store(to, sum[i]) : R::store(to, sum[i], count);
  }
}

template <int kRows, class T>
void depthwise_rows(T* out, const T* x, const Depthwise<T>& by) {
  constexpr int kStep = Native<T>::lanes;
  int64_t w = 0;
  for (; w + kStep <= by.width; w += kStep)
    depthwise_columns<kRows, true>(out + w, x + w, by, kStep);
  if (w < by.width)
    depthwise_columns<kRows, false>(out + w, x + w, by, static_cast<int>(by.width - w));
}

template <class T>
void convolve_depthwise(T* out, const Patches<T>& patches, const T* weight, const T* bias,
                        const Range& rows) {
  const Conv& conv = *patches.conv;
  Depthwise<T> by{
      {}, Native<T>::broadcast(bias ? *bias : T(0)), image_strides(conv).row, conv.width.out};
  for (int p = 0; p < 9; ++p) by.weight[p] = Native<T>::broadcast(weight[p]);
  constexpr int kRows = 4;
  int64_t row = rows.begin;
  for (; row + kRows <= rows.end; row += kRows)
    depthwise_rows<kRows>(out + row * by.width, patches.image + row * by.row, by);
  for (; row < rows.end; ++row)
    depthwise_rows<1>(out + row * by.width, patches.image + row * by.row, by);
}

// Rows [begin, end) of all rows of places in the result of one image in one group.
template <class T>
void convolve_directly(T* out, const Patches<T>& patches, const T* weight, const T* bias,
                       const Range& rows) {
  const Conv& conv = *patches.conv;
  if (is_depthwise_3x3(conv)) return convolve_depthwise(out, patches, weight, bias, rows);
  const ImageStrides strides = image_strides(conv);
  const int64_t width = conv.width.out, places = result_size(conv), patch = patch_size(conv);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const DirectRow<T> from{patches.image + row_in_image(conv, strides, row),
                            weight,
                            patches.places,
                            conv.channels,
                            places_of_kernel(conv),
                            strides.volume,
                            patch};
    T* const to = out + row * width;
    switch (conv.rows) {
      case 1:
        direct_row<1>(to, places, from, bias, width);
        break;
      case 2:
        direct_row<2>(to, places, from, bias, width);
        break;
      case 3:
        direct_row<3>(to, places, from, bias, width);
        break;
      default:
        direct_row<4>(to, places, from, bias, width);
    }
  }
}

// ---- the gradient with respect to the weights ----

template <class T>
constexpr int kDotParts = kDotLanes / Native<T>::lanes;

// 16 lanes from memory, `count` of them.
template <class T>
STEEP_INLINE void load_lanes(typename Native<T>::V (&lanes)[kDotParts<T>], const T* x, int count) {
  using R = Native<T>;
  STEEP_UNROLL
  for (int v = 0; v < kDotParts<T>; ++v) {
    const int rest = count - v * R::lanes;
    lanes[v] = rest >= R::lanes ? R::load(x + v * R::lanes)
               : rest > 0       ? R::load(x + v * R::lanes, rest)
                                : R::zero();
  }
}

// The sums over all places of one image, for `kPlaces` places of the kernel, which it returns.
template <int kPlaces, class T>
int correlate(T* sums, const Patches<T>& patches, const T* x, const T* grad,
              const int64_t* places) {
  using R = Native<T>;
  const Conv& conv = *patches.conv;
  const ImageStrides strides = image_strides(conv);
  const int64_t width = conv.width.out, rows = conv.depth.out * conv.height.out;
  typename R::V sum[kPlaces][kDotParts<T>];
  for (auto& lanes : sum)
    for (auto& lane : lanes) lane = R::zero();
  for (int64_t row = 0; row < rows; ++row, grad += width) {
    const T* const from = x + row_in_image(conv, strides, row);
    for (int64_t w = 0; w < width; w += kDotLanes) {
      const int count = static_cast<int>(smaller(kDotLanes, width - w));
      typename R::V g[kDotParts<T>], value[kDotParts<T>];
      load_lanes<T>(g, grad + w, count);
      STEEP_UNROLL
      for (int p = 0; p < kPlaces; ++p) {
        load_lanes<T>(value, from + places[p] + w, count);
        STEEP_UNROLL
        for (int v = 0; v < kDotParts<T>; ++v) sum[p][v] = R::fma(g[v], value[v], sum[p][v]);
      }
    }
  }
  for (int p = 0; p < kPlaces; ++p) sums[p] = add_lanes<T>(sum[p]);
  return kPlaces;
}

// As many places as there are registers for: all of a 3x3 kernel, or a row of it.
template <class T>
constexpr int kMostPlaces = 9 * kDotParts<T> < kRegisters ? 9 : 3;

// The sums for the next places of `left`; returns for how many.
template <class T>
int correlate_some(T* sums, const Patches<T>& patches, const T* x, const T* grad,
                   const int64_t* places, int64_t left) {
  if (left >= kMostPlaces<T>) return correlate<kMostPlaces<T>>(sums, patches, x, grad, places);
  if (left >= 3) return correlate<3>(sums, patches, x, grad, places);
  if (left == 2) return correlate<2>(sums, patches, x, grad, places);
  return correlate<1>(sums, patches, x, grad, places);
}

// Adds one image's part to the gradient of the weights of one row and channel, or begins with it.
template <class T>
void correlate_directly(T* out, const Patches<T>& patches, const T* x, const T* grad, bool first) {
  const int64_t kernel = places_of_kernel(*patches.conv);
  for (int64_t p = 0; p < kernel;) {
    T sums[kMostPlaces<T>];
    const int64_t* const places = patches.places + p;
    const int count = correlate_some(sums, patches, x, grad, places, kernel - p);
    for (int i = 0; i < count; ++i) out[p + i] = first ? sums[i] : out[p + i] + sums[i];
    p += count;
  }
}

}  // namespace
}  // namespace steep::kernels
