// The patches of an image, as the packed strips of a product's right operand.
//
// A patch element is read at a place that is the sum of two: one for the element (channel, place in
// the kernel), one for the result's place. Neighbours in a row of the result are neighbours in the
// image, so a strip of the result's places is a few runs, the same ones for every element. Where
// that does not hold of the image as it lies (it has a border, is spread, or has a stride along its
// rows), the image is staged first: copied with its zeros, its rows sorted by place modulo stride.
#pragma once

#include <cstdint>

#include "kernels/product/conv.h"
#include "kernels/product/gemm_blocks.h"
#include "kernels/product/gemm_pack.h"

namespace steep::kernels {
namespace {

// How much of an axis patches reach over.
constexpr int64_t reach(const ConvAxis& axis) {
  return (axis.out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
}
constexpr int64_t places_of_kernel(const Conv& conv) {
  return conv.depth.kernel * conv.height.kernel * conv.width.kernel;
}
constexpr int64_t patch_size(const Conv& conv) { return conv.channels * places_of_kernel(conv); }
constexpr int64_t result_size(const Conv& conv) {
  return conv.depth.out * conv.height.out * conv.width.out;
}
constexpr int64_t image_size(const Conv& conv) {
  return conv.depth.in * conv.height.in * conv.width.in;
}
constexpr bool is_read_in_place(const ConvAxis& axis) {
  return axis.lead == 0 && axis.spread == 1 && reach(axis) <= axis.in;
}
// Whether patches can be read from the image as it lies.
constexpr bool is_staged(const Conv& conv) {
  return !is_read_in_place(conv.depth) || !is_read_in_place(conv.height) ||
         !is_read_in_place(conv.width) || conv.width.stride != 1;
}

// Elements between neighbours in an image, staged or not: stride phases, rows, planes, channels.
struct ImageStrides {
  int64_t phase, row, plane, volume;
};
constexpr ImageStrides image_strides(const Conv& conv) {
  if (!is_staged(conv)) {
    const int64_t plane = conv.height.in * conv.width.in;
    return {0, conv.width.in, plane, conv.depth.in * plane};
  }
  const int64_t phase = ceil_div(reach(conv.width), conv.width.stride);
  const int64_t row = phase * conv.width.stride, plane = reach(conv.height) * row;
  return {phase, row, plane, reach(conv.depth) * plane};
}

// Which phases of an axis patches read, a bit each: one alone where the dilation is a multiple of the
// stride, or the kernel has one place.
constexpr int64_t kMostPhases = 64;
inline uint64_t phases_read(const ConvAxis& axis) {
  if (axis.stride == 1 || axis.stride > kMostPhases) return ~uint64_t{0};
  uint64_t phases = 0;
  for (int64_t k = 0; k < axis.kernel && k < axis.stride; ++k)
    phases |= uint64_t{1} << (k * axis.dilation % axis.stride);
  return phases;
}
inline bool is_read(uint64_t phases, const ConvAxis& axis, int64_t place) {
  return axis.stride == 1 || (phases >> (place % axis.stride % kMostPhases) & 1);
}

// In a loop over elements that lie apart: a few are gathered no sooner by vectors, whose code is large.
template <class T>
STEEP_INLINE void keep_scalar(T*& pointer) {
  asm("" : "+r"(pointer));
}

// Every other element of two registers of at least four, from the first or the second on.
template <int first, class V>
STEEP_INLINE V alternate(V a, V b) {
  constexpr int lanes = sizeof(V) / sizeof(a[0]), f = first;
  if constexpr (lanes == 16) {
    return __builtin_shufflevector(a, b, f, f + 2, f + 4, f + 6, f + 8, f + 10, f + 12, f + 14,
                                   f + 16, f + 18, f + 20, f + 22, f + 24, f + 26, f + 28, f + 30);
  } else if constexpr (lanes == 8) {
    return __builtin_shufflevector(a, b, f, f + 2, f + 4, f + 6, f + 8, f + 10, f + 12, f + 14);
  } else {
    return __builtin_shufflevector(a, b, f, f + 2, f + 4, f + 6);
  }
}

// The even and the odd elements of n, apart.
template <class T>
void split_pairs(T* even, T* odd, const T* x, int64_t n) {
  using R = Native<T>;
  if constexpr (R::lanes >= 4) {
    for (; n > 0; n -= 2 * R::lanes, x += 2 * R::lanes, even += R::lanes, odd += R::lanes) {
      const int low = static_cast<int>(smaller(n, R::lanes));
      const int high = static_cast<int>(smaller(n - low, R::lanes)), pairs = (low + high) / 2;
      const auto a = R::load(x, low);
      const auto b = high > 0 ? R::load(x + R::lanes, high) : R::zero();
      R::store(even, alternate<0>(a, b), low + high - pairs);
      if (pairs > 0) R::store(odd, alternate<1>(a, b), pairs);
    }
  } else {
    for (int64_t i = 0; 2 * i < n; ++i) {
      even[i] = x[2 * i];
      if (2 * i + 1 < n) odd[i] = x[2 * i + 1];
    }
  }
}

// The elements of an axis that patches reach, [first, last).
constexpr Range elements_reached(const ConvAxis& axis) {
  return {axis.lead >= 0 ? 0 : ceil_div(-axis.lead, axis.spread),
          smaller(axis.in, ceil_div(reach(axis) - axis.lead, axis.spread))};
}

// A row of the image on its way into the stage: element e goes to place lead + e * spread, and that
// to its phase. An axis has a stride or is spread, never both.
template <class T>
void stage_row(T* out, const T* x, const ConvAxis& axis, const Range& elements, int64_t phase,
               uint64_t phases) {
  const int64_t stride = axis.stride, place = axis.lead + elements.begin;
  const int64_t count = elements.end - elements.begin;
  if (axis.spread > 1) {
    T* to = out + axis.lead + elements.begin * axis.spread;
    for (int64_t e = elements.begin; e < elements.end; ++e, to += axis.spread) {
      *to = x[e];
      keep_scalar(to);
    }
    return;
  }
  x += elements.begin;
  if (stride == 2 && phases == 3) {  // by far the most common
    T *const even = out + (place + 1) / 2, *const odd = out + phase + place / 2;
    return place % 2 == 0 ? split_pairs(even, odd, x, count) : split_pairs(odd, even, x, count);
  }
  for (int64_t skip = 0, at = place; skip < stride && skip < count; ++skip, ++at) {
    const int64_t of = at % stride;
    if (!(phases >> (of % kMostPhases) & 1)) continue;
    T* to = out + of * phase + at / stride;
    for (int64_t e = skip; e < count; e += stride) {
      *to++ = x[e];
      keep_scalar(to);
    }
  }
}

// An image that is only surrounded by zeros, which already stand in the stage: the elements of an axis
// that patches reach, and the place of the first of them.
constexpr bool is_only_padded(const Conv& conv) {
  return conv.depth.spread == 1 && conv.height.spread == 1 && conv.width.spread == 1 &&
         conv.width.stride == 1;
}
struct Within {
  int64_t first, place, count;
};
constexpr Within within(const ConvAxis& axis) {
  const int64_t first = axis.lead < 0 ? -axis.lead : 0;
  return {first, axis.lead + first, smaller(axis.in, reach(axis) - axis.lead) - first};
}

// Too short for a call of memcpy to pay, mostly.
template <class T>
STEEP_INLINE void copy_row(T* out, const T* x, int64_t count) {
  using R = Native<T>;
  int64_t i = 0;
  for (; i + R::lanes <= count; i += R::lanes) R::store(out + i, R::load(x + i));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) R::store(out + i, R::load(x + i, rest), rest);
}

template <class T>
void stage_padded(T* out, const T* image, const Conv& conv, int64_t channels) {
  const ImageStrides strides = image_strides(conv);
  const Within depth = within(conv.depth), height = within(conv.height), width = within(conv.width);
  const int64_t size = image_size(conv), plane = conv.height.in * conv.width.in;
  for (int64_t c = 0; c < channels; ++c, image += size, out += strides.volume) {
    for (int64_t d = 0; d < depth.count; ++d) {
      T* to = out + (depth.place + d) * strides.plane + height.place * strides.row + width.place;
      const T* from =
          image + (depth.first + d) * plane + height.first * conv.width.in + width.first;
      for (int64_t h = 0; h < height.count; ++h, to += strides.row, from += conv.width.in)
        copy_row(to, from, width.count);
    }
  }
}

// `channels` of an image as patches read them. What patches do not read is left out, and what no
// element goes to is zero already: there every image has zeros.
template <class T>
void stage(T* out, const T* image, const Conv& conv, int64_t channels) {
  if (is_only_padded(conv)) return stage_padded(out, image, conv, channels);
  const ImageStrides strides = image_strides(conv);
  const ConvAxis &depth = conv.depth, &height = conv.height, &width = conv.width;
  const Range planes = elements_reached(depth), rows = elements_reached(height);
  const Range elements = elements_reached(width);
  const uint64_t deep = phases_read(depth), high = phases_read(height), wide = phases_read(width);
  if (elements.begin >= elements.end) return;
  for (int64_t c = 0; c < channels; ++c, image += image_size(conv), out += strides.volume) {
    for (int64_t d = planes.begin; d < planes.end; ++d) {
      const int64_t plane = depth.lead + d * depth.spread;
      if (!is_read(deep, depth, plane)) continue;
      for (int64_t h = rows.begin; h < rows.end; ++h) {
        const int64_t row = height.lead + h * height.spread;
        if (!is_read(high, height, row)) continue;
        stage_row(out + plane * strides.plane + row * strides.row,
                  image + (d * height.in + h) * width.in, width, elements, strides.phase, wide);
      }
    }
  }
}

// Where each place in the kernel is read, from that of the first.
inline void list_places(int64_t* places, const Conv& conv) {
  const ImageStrides strides = image_strides(conv);
  const ConvAxis& width = conv.width;
  for (int64_t d = 0; d < conv.depth.kernel; ++d) {
    for (int64_t h = 0; h < conv.height.kernel; ++h) {
      for (int64_t w = 0; w < width.kernel; ++w) {
        const int64_t along = w * width.dilation;
        *places++ = d * conv.depth.dilation * strides.plane +
                    h * conv.height.dilation * strides.row + along % width.stride * strides.phase +
                    along / width.stride;
      }
    }
  }
}

// Neighbouring places of the result that are neighbours in the image.
struct Run {
  int64_t from, count;
};
// A strip of the results' places, as runs: those of one image after those of the other, images
// `apart` elements from each other.
struct Runs {
  Run of[kMaxTileCols];
  int count = 0;

  Runs(const Conv& conv, int64_t apart, int64_t begin, int64_t places) {
    const ImageStrides strides = image_strides(conv);
    const int64_t width = conv.width.out, height = conv.height.out, depth = conv.depth.out;
    int64_t w = begin % width, h = begin / width % height, d = begin / width / height % depth;
    int64_t n = begin / width / height / depth;
    while (places > 0) {
      const int64_t here = smaller(width - w, places);
      of[count++] = {n * apart + d * conv.depth.stride * strides.plane +
                         h * conv.height.stride * strides.row + w,
                     here};
      places -= here;
      w = 0;
      if (++h == height) h = 0, ++d;
      if (d == depth) d = 0, ++n;
    }
  }
};

// The patches of one image, or of several.
template <class T>
struct Patches {
  const Conv* conv;
  const T* image;  // the first one, staged where is_staged() says so, from the first channel read
  int64_t apart;   // elements from one image to the next
  const int64_t* places;  // of the kernel
  int64_t first = 0;      // the patch element or the result's place where a rectangle begins

  // Writes elements [p, p + count) at the result's places of the runs, one row of `width` after the
  // other. Up to a register behind the last row is written as well.
  void pack_across(T* out, int64_t width, int64_t p, int64_t count, const Runs& runs) const {
    using R = Native<T>;
    const int64_t kernel = places_of_kernel(*conv), volume = image_strides(*conv).volume;
    const T* channel = image + p / kernel * volume;
    int64_t place = p % kernel;
    for (int64_t row = 0; row < count; ++row, out += width) {
      const T* const from = channel + places[place];
      T* to = out;
      for (int i = 0; i < runs.count; ++i) {
        const T* const x = from + runs.of[i].from;
        const int64_t length = runs.of[i].count;
        int64_t e = 0;
        for (; e + R::lanes <= length; e += R::lanes) R::store(to + e, R::load(x + e));
        if (e < length) R::store(to + e, R::load(x + e, static_cast<int>(length - e)));
        to += length;
      }
      if (++place == kernel) place = 0, channel += volume;
    }
  }

  // The same turned round: row after row is a place of the result, from `begin` on, of `count` of
  // them, with elements [p, p + elements) and zeros up to `width`.
  void pack_along(T* out, int64_t width, int64_t p, int64_t elements, int64_t begin,
                  int64_t count) const {
    constexpr int64_t kStride = kMaxTileCols + Native<T>::lanes;
    alignas(64) T rows[kMaxTileCols * kStride];
    for (int64_t at = 0; at < count; at += kMaxTileCols) {
      const int64_t some = smaller(kMaxTileCols, count - at);
      const Runs runs(*conv, apart, begin + at, some);
      pack_across(rows, kStride, p, elements, runs);
      kernels::pack_along(out + at * width, width, elements, some, rows, kStride);
    }
  }
};

}  // namespace
}  // namespace steep::kernels
