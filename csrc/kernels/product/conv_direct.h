// Convolutions with so few rows and channels in a group that packing would cost more than the product:
// depthwise ones above all. The image is read where patches are read, a row of the result at a time.
//
// Sums are taken along p as in conv.h, after the bias; those of kConvWeight in 16 lanes along each
// row of the result, row after row, the lanes combined for each image, and then from image to image.
#pragma once

#include <cstdint>

#include "kernels/product/conv.h"
#include "kernels/product/gemm_micro.h"
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
  int64_t step;  // from a row of the result to the next in the same plane
};

// `regs` registers of kRows results, `count` lanes of each: `step` elements from one to the next in
// the image, and `out_step` in the result. They are neighbours, or one below the other.
template <int kRows, int regs, bool kWhole, class T>
STEEP_INLINE void direct_block(T* out, int64_t apart, int64_t out_step, const DirectRow<T>& row,
                               const T* from, int64_t step, const T* bias, int count) {
  using R = Native<T>;
  typename R::V sum[kRows][regs];
  STEEP_UNROLL
  for (int i = 0; i < kRows; ++i) {
    STEEP_UNROLL
    for (int v = 0; v < regs; ++v) sum[i][v] = R::broadcast(bias ? bias[i] : T(0));
  }
  const T *channel = from, *weight = row.weight;
  for (int64_t c = 0; c < row.channels; ++c, channel += row.volume, weight += row.kernel) {
    for (int64_t p = 0; p < row.kernel; ++p) {
      const T* const x = channel + row.places[p];
      typename R::V value[regs];
      STEEP_UNROLL
      for (int v = 0; v < regs; ++v)
        value[v] = kWhole ? R::load(x + v * step) : R::load(x + v * step, count);
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
    STEEP_UNROLL
    for (int v = 0; v < regs; ++v) {
      T* const to = out + i * apart + v * out_step;
      kWhole ? R::store(to, sum[i][v]) : R::store(to, sum[i][v], count);
    }
  }
}

// `rows` rows of the result, row.step apart in the image: four registers at once along each. What is
// left of depthwise ones is computed for four rows at a time, for it takes several sums to keep the
// FMA units busy.
template <int kRows, class T>
void direct_rows(T* out, int64_t apart, const DirectRow<T>& row, const T* bias, int64_t rows,
                 int64_t width) {
  constexpr int kRegs = 4, kLanesOfOne = Native<T>::lanes, kStep = kRegs * kLanesOfOne;
  const int64_t wide = width / kStep * kStep;
  for (int64_t h = 0; h < rows; ++h) {
    for (int64_t w = 0; w < wide; w += kStep)
      direct_block<kRows, kRegs, true>(out + h * width + w, apart, kLanesOfOne, row,
                                       row.x + h * row.step + w, kLanesOfOne, bias, kLanesOfOne);
  }
  for (int64_t w = wide; w < width; w += kLanesOfOne) {
    const int count = static_cast<int>(smaller(kLanesOfOne, width - w));
    if constexpr (kRows == 1) {
      for (int64_t h = 0; rows >= kRegs && h < rows; h += kRegs) {
        // The last ones are computed with some of those before them.
        const int64_t first = smaller(h, rows - kRegs);
        direct_block<1, kRegs, false>(out + first * width + w, apart, width, row,
                                      row.x + first * row.step + w, row.step, bias, count);
      }
      if (rows >= kRegs) continue;
    }
    for (int64_t h = 0; h < rows; ++h)
      direct_block<kRows, 1, false>(out + h * width + w, apart, width, row,
                                    row.x + h * row.step + w, row.step, bias, count);
  }
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

// ---- one channel and a kernel of four rows or more ----

// Four rows of the result at a time: a register of the image is read once for all that it reaches.
constexpr int kTogether = 4;

constexpr bool is_depthwise_tall(const Conv& conv) {
  return conv.channels == 1 && conv.rows == 1 && conv.depth.out == 1 && conv.depth.kernel == 1 &&
         conv.height.kernel >= kTogether && conv.height.stride == 1 && conv.height.dilation == 1 &&
         conv.width.stride == 1 && conv.width.dilation == 1;
}

// What a row of the image adds to results [first, end) of the four; `weight` is the kernel's row for
// result 0, those for the others lie before it.
template <int first, int end, bool partial, int regs, class T>
STEEP_INLINE void add_image_row(typename Native<T>::V (&sum)[kTogether][regs], const T* x,
                                const T* weight, int64_t kernel, int last) {
  using R = Native<T>;
  for (int64_t w = 0; w < kernel; ++w) {
    typename R::V value[regs];
    STEEP_UNROLL
    for (int v = 0; v < regs; ++v) value[v] = load_reg<T, regs, partial>(x + w, v, last);
    STEEP_UNROLL
    for (int i = first; i < end; ++i) {
      const typename R::V factor = R::broadcast(weight[w - i * kernel]);
      STEEP_UNROLL
      for (int v = 0; v < regs; ++v) sum[i][v] = R::fma(factor, value[v], sum[i][v]);
    }
  }
}

// `regs` registers of each of the four rows, of the last one `last` lanes; `row` elements lie from
// one row of the image to the next.
template <int regs, bool partial, class T>
__attribute__((noinline)) void tall_block(T* out, const T* x, const T* weight, T bias,
                                          const Conv& conv, int64_t row, int last) {
  using R = Native<T>;
  const int64_t kernel = conv.width.kernel, height = conv.height.kernel;
  typename R::V sum[kTogether][regs];
  STEEP_UNROLL
  for (int i = 0; i < kTogether; ++i) {
    STEEP_UNROLL
    for (int v = 0; v < regs; ++v) sum[i][v] = R::broadcast(bias);
  }
  const auto next = [&] { x += row, weight += kernel; };
  add_image_row<0, 1, partial>(sum, x, weight, kernel, last), next();
  add_image_row<0, 2, partial>(sum, x, weight, kernel, last), next();
  add_image_row<0, 3, partial>(sum, x, weight, kernel, last), next();
  for (int64_t r = kTogether - 1; r < height; ++r, next())
    add_image_row<0, 4, partial>(sum, x, weight, kernel, last);
  add_image_row<1, 4, partial>(sum, x, weight, kernel, last), next();
  add_image_row<2, 4, partial>(sum, x, weight, kernel, last), next();
  add_image_row<3, 4, partial>(sum, x, weight, kernel, last);
  STEEP_UNROLL
  for (int i = 0; i < kTogether; ++i, out += conv.width.out) {
    STEEP_UNROLL
    for (int v = 0; v < regs - 1; ++v) R::store(out + v * R::lanes, sum[i][v]);
    T* const end = out + (regs - 1) * R::lanes;
    partial ? R::store(end, sum[i][regs - 1], last) : R::store(end, sum[i][regs - 1]);
  }
}

// At least four rows; the last ones are computed with some of those before them.
template <class T>
void convolve_tall(T* out, const Patches<T>& patches, const T* weight, const T* bias,
                   const Range& rows) {
  constexpr int lanes = Native<T>::lanes;
  const Conv& conv = *patches.conv;
  const int64_t row = image_strides(conv).row, width = conv.width.out;
  const T start = bias ? *bias : T(0);
  for (int64_t h = rows.begin; h < rows.end; h += kTogether) {
    const int64_t top = smaller(h, rows.end - kTogether);
    T* const to = out + top * width;
    const T* const from = patches.image + top * row;
    int64_t w = 0;
    for (; w + 2 * lanes <= width; w += 2 * lanes)
      tall_block<2, false>(to + w, from + w, weight, start, conv, row, lanes);
    if (const int left = static_cast<int>(width - w); left > lanes) {
      tall_block<2, true>(to + w, from + w, weight, start, conv, row, left - lanes);
    } else if (left > 0) {
      tall_block<1, true>(to + w, from + w, weight, start, conv, row, left);
    }
  }
}

// Rows [begin, end) of all rows of places in the result of one image in one group.
template <class T>
void convolve_directly(T* out, const Patches<T>& patches, const T* weight, const T* bias,
                       const Range& rows) {
  const Conv& conv = *patches.conv;
  if (is_depthwise_3x3(conv)) return convolve_depthwise(out, patches, weight, bias, rows);
  if (is_depthwise_tall(conv) && rows.end - rows.begin >= kTogether)
    return convolve_tall(out, patches, weight, bias, rows);
  const ImageStrides strides = image_strides(conv);
  const int64_t width = conv.width.out, places = result_size(conv), patch = patch_size(conv);
  for (int64_t row = rows.begin; row < rows.end;) {
    const DirectRow<T> from{patches.image + row_in_image(conv, strides, row),
                            weight,
                            patches.places,
                            conv.channels,
                            places_of_kernel(conv),
                            strides.volume,
                            patch,
                            conv.height.stride * strides.row};
    T* const to = out + row * width;
    const int64_t below = conv.height.out - row % conv.height.out;  // in this plane
    const int64_t some = smaller(below, rows.end - row);
    switch (conv.rows) {
      case 1:
        direct_rows<1>(to, places, from, bias, some, width);
        break;
      case 2:
        direct_rows<2>(to, places, from, bias, some, width);
        break;
      case 3:
        direct_rows<3>(to, places, from, bias, some, width);
        break;
      default:
        direct_rows<4>(to, places, from, bias, some, width);
    }
    row += some;
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
