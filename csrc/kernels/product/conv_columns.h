// The gradient of a convolution with respect to its image, by columns: the products of the weights
// with each place of the result are made first, and then added where the patch was read from.
//
//       column(p, j) = sum over i of weight(i, p) * grad(i, j)
//
// An element of the image is its bias, and to that its terms are added in the order of kernel and
// result places along depth, then height, then width; along the width the longer of both runs
// innermost.
#pragma once

#include <cstdint>

#include "kernels/product/conv_images.h"

namespace steep::kernels {
namespace {

// As many columns at once as stay in the second-level cache; at least those of one channel.
constexpr int64_t kColumnBytes = 192 * kKilo;

// How the columns lie: those of a place in the result next to each other, or those of a place in
// the kernel, whichever leads to longer runs in the image.
struct ColumnLayout {
  bool by_place;             // rows are places of the result
  int64_t images, channels;  // at once, at most
  int64_t patch, places;     // of all of these
  int64_t along_p, along_j;  // elements from one to the next
};
constexpr ColumnLayout column_layout(const Conv& conv, int64_t element_size, int64_t channels) {
  const int64_t images = images_at_once(conv), places = images * result_size(conv);
  const int64_t one = places_of_kernel(conv) * places * element_size;
  const int64_t most = smaller(channels, ceil_div(kColumnBytes, one));
  const int64_t patch = most * places_of_kernel(conv);
  const bool by_place = conv.width.kernel > conv.width.out;
  return {by_place, images, most, patch, places, by_place ? 1 : places, by_place ? patch : 1};
}

// How the rows of a channel's image lie while columns are added: in phases where those of the result
// are a stride apart.
struct ImageRows {
  int64_t phase, row, all;  // elements of a phase or 0, of a row, and of all rows
};
constexpr ImageRows image_rows(const Conv& conv, bool by_place) {
  const int64_t stride = conv.width.stride, phase = ceil_div(conv.width.in, stride);
  const bool phases = !by_place && stride > 1;
  const int64_t row = phases ? phase * stride : conv.width.in;
  return {phases ? phase : 0, row, conv.depth.in * conv.height.in * row};
}

// One rank's room: that of a product, the columns, and grad of several images side by side.
struct ColumnRoom {
  GemmRoom product;
  int64_t columns, grad, image;  // elements
  constexpr int64_t all() const { return product.all() + columns + grad + image; }
};
constexpr ColumnRoom column_room(const Conv& conv, int64_t element_size) {
  const ColumnLayout layout = column_layout(conv, element_size, conv.channels);
  const int64_t m = layout.by_place ? layout.places : layout.patch;
  const int64_t n = layout.by_place ? layout.patch : layout.places;
  return {gemm_room(m, n, conv.rows, false), round_up(layout.patch * layout.places, 64),
          layout.images > 1 ? round_up(conv.rows * layout.places, 64) : 0,
          image_rows(conv, layout.by_place).phase > 0
              ? round_up(image_rows(conv, layout.by_place).all, 64)
              : 0};
}
inline int64_t column_scratch(const LaunchView& launch, int /*threads*/) {
  return column_room(launch.as<Conv>(), launch.element_size).all() * launch.element_size;
}

// Steps along the width of kernel or result: those of an element of the image, and of a column.
struct Steps {
  int64_t count, image, column;
};

// Adds `count` columns to a row of the image, `step` elements apart from `first` on. A row that is
// kept in `phases` of so many elements has elements a step apart side by side.
template <class T>
STEEP_INLINE void add_columns(T* row, int64_t size, const T* column, int64_t first, int64_t count,
                              int64_t step, int64_t phase) {
  using R = Native<T>;
  if (first < 0 || first + (count - 1) * step >= size) {
    const int64_t begin = first < 0 ? ceil_div(-first, step) : 0;
    const int64_t end = first < size ? (size - 1 - first) / step + 1 : 0;
    count = smaller(end, count) - begin;
    first += begin * step, column += begin;
  }
  if (phase > 0) {
    row += first % step * phase + first / step;
  } else {
    row += first;
    for (; step > 1 && count > 0; --count, row += step) {
      *row += *column++;
      keep_scalar(row);
    }
  }
  for (; count >= R::lanes; count -= R::lanes, row += R::lanes, column += R::lanes)
    R::store(row, R::load(row) + R::load(column));
  if (count > 0) {
    const int some = static_cast<int>(count);
    R::store(row, R::load(row, some) + R::load(column, some), some);
  }
}

// Adds the columns of one channel to its image, which begins as its bias.
template <class T>
__attribute__((noinline)) void fold_channel(T* image, const T* columns, T bias, const Conv& conv,
                                            const ColumnLayout& layout, const ImageRows& rows) {
  for (int64_t e = 0; e < rows.all; ++e) image[e] = bias;
  const ConvAxis &depth = conv.depth, &height = conv.height, &width = conv.width;
  const Steps kernel{width.kernel, width.dilation, layout.along_p};
  const Steps result{width.out, width.stride, layout.along_j};
  const Steps& inner = layout.by_place ? kernel : result;
  const Steps& outer = layout.by_place ? result : kernel;
  const int64_t over_depth = depth.kernel * depth.out, over_height = height.kernel * height.out;
  for (int64_t d = 0; d < over_depth; ++d) {
    const int64_t kd = d / depth.out, od = d % depth.out;
    const int64_t z = od * depth.stride + kd * depth.dilation - depth.lead;
    if (z < 0 || z >= depth.in) continue;
    for (int64_t h = 0; h < over_height; ++h) {
      const int64_t kh = h / height.out, oh = h % height.out;
      const int64_t y = oh * height.stride + kh * height.dilation - height.lead;
      if (y < 0 || y >= height.in) continue;
      T* const row = image + (z * height.in + y) * rows.row;
      const T* column = columns + (kd * height.kernel + kh) * width.kernel * layout.along_p +
                        (od * height.out + oh) * width.out * layout.along_j;
      for (int64_t i = 0; i < outer.count; ++i, column += outer.column)
        add_columns(row, width.in, column, i * outer.image - width.lead, inner.count, inner.image,
                    rows.phase);
    }
  }
}

// The image of rows in phases.
template <class T>
__attribute__((cold, noinline)) void join_phases(T* image, const T* staged, const Conv& conv,
                                                 const ImageRows& rows) {
  const int64_t size = conv.width.in, stride = conv.width.stride;
  for (int64_t at = 0; at < rows.all; at += rows.row, image += size)
    for (int64_t first = 0; first < stride && first < size; ++first) {
      const T* from = staged + at + first * rows.phase;
      for (int64_t e = first; e < size; e += stride) {
        image[e] = *from++;
        keep_scalar(from);
      }
    }
}

// Operands and room of one rank. What runs once for a block of channels is compiled for size (cold).
template <class T>
struct ColumnPass {
  const Conv& conv;
  ColumnRoom room;
  T* image;
  const T *grad, *weight, *bias;
  T *product, *columns, *beside, *staged;

  explicit ColumnPass(const Task& task)
      : conv(arguments<Conv>(task)),
        room(column_room(conv, sizeof(T))),
        image(static_cast<T*>(task.data[0])),
        grad(static_cast<const T*>(task.data[1])),
        weight(static_cast<const T*>(task.data[2])),
        bias(static_cast<const T*>(task.data[3])),
        product(static_cast<T*>(task.scratch)),
        columns(product + room.product.all()),
        beside(columns + room.columns),
        staged(beside + room.grad) {}

  // Columns of `channels` from `channel` of a group, for images [n, n + count).
  __attribute__((cold, noinline)) void multiply(int64_t n, int64_t count, int64_t group,
                                                int64_t channel, const ColumnLayout& layout) const {
    const int64_t places = result_size(conv), all = count * places, kernel = places_of_kernel(conv);
    const T* from = grad + (n * conv.groups + group) * conv.rows * places;
    if (count > 1) {
      for (int64_t i = 0; i < count; ++i)
        copy_rows(beside + i * places, all, from + i * conv.groups * conv.rows * places, places,
                  conv.rows, places);
      from = beside;
    }
    const T* const w = weight + group * conv.rows * patch_size(conv) + channel * kernel;
    const int64_t patch = layout.channels * kernel;
    Rect<T> rect{};
    rect.k = conv.rows, rect.c = columns;
    rect.m = layout.by_place ? all : patch, rect.n = layout.by_place ? patch : all;
    rect.a = layout.by_place ? from : w, rect.b = layout.by_place ? w : from;
    rect.a_row = 1, rect.a_col = layout.by_place ? all : patch_size(conv);
    rect.ldb = layout.by_place ? patch_size(conv) : all, rect.ldc = rect.n;
    multiply_rect(rect, blocking_of(rect, product, room.product, false));
  }
  __attribute__((cold, noinline)) void run(int64_t n, int64_t count, int64_t group, int64_t channel,
                                           int64_t channels) const {
    const int64_t places = result_size(conv), kernel = places_of_kernel(conv);
    const int64_t size = image_size(conv);
    ColumnLayout layout = column_layout(conv, sizeof(T), conv.channels);
    layout.channels = channels;
    layout.along_p = layout.by_place ? 1 : count * places;
    layout.along_j = layout.by_place ? channels * kernel : 1;
    const ImageRows rows = image_rows(conv, layout.by_place);
    multiply(n, count, group, channel, layout);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t all = group * conv.channels + channel + c;
        T* const out = image + ((n + i) * conv.groups * conv.channels + all) * size;
        T* const to = rows.phase > 0 ? staged : out;
        fold_channel(to, columns + c * kernel * layout.along_p + i * places * layout.along_j,
                     bias ? bias[all] : T(0), conv, layout, rows);
        if (rows.phase > 0) join_phases(out, staged, conv, rows);
      }
    }
  }
};

// Ranks share images, groups and channels.
template <class T>
__attribute__((cold)) void conv_columns(const Task& task) {
  const ColumnPass<T> pass(task);
  const Conv& conv = pass.conv;
  const ColumnLayout layout = column_layout(conv, sizeof(T), conv.channels);
  const int64_t chunks = ceil_div(conv.batch, layout.images);
  int64_t blocks = ceil_div(conv.channels, layout.channels);
  if (!are_enough(chunks * conv.groups * blocks, task.size))
    blocks = smaller(conv.channels, blocks * task.size);
  const Range mine = share(chunks * conv.groups * blocks, 1, task.rank, task.size);
  for (int64_t unit = mine.begin; unit < mine.end; ++unit) {
    const int64_t n = unit / blocks / conv.groups * layout.images;
    const Range channels =
        share(conv.channels, 1, static_cast<int>(unit % blocks), static_cast<int>(blocks));
    pass.run(n, smaller(layout.images, conv.batch - n), unit / blocks % conv.groups, channels.begin,
             channels.end - channels.begin);
  }
}

}  // namespace
}  // namespace steep::kernels
