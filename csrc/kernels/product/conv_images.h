// The convolution kernels: products of weights or gradients with the patches of images, one after the
// other. They are compiled with gemm.cpp, whose tiles they share.
#pragma once

#include <cstdint>

#include "kernels/product/conv.h"
#include "kernels/product/conv_direct.h"
#include "kernels/product/gemm_rect.h"
#include "kernels/product/patches.h"

namespace steep::kernels {
namespace {

// Images so small that a product would be too narrow are multiplied several at once.
constexpr int64_t kWideEnough = 256;
constexpr int64_t images_at_once(const Conv& conv) {
  const int64_t places = result_size(conv);
  return smaller(places < 1 ? 1 : ceil_div(kWideEnough, places), conv.batch);
}

// One rank's room: that of a product, then the staged images, results or gradients of several images
// side by side, the bias of each row, and the places of the kernel.
struct ConvRoom {
  GemmRoom product;
  int64_t images, results, bias, places;  // elements, and 8-byte places
  constexpr int64_t bytes(int64_t element) const {
    return round_up((product.all() + images + results + bias) * element, 64) + places * 8;
  }
};

constexpr ConvRoom conv_room(const Conv& conv, bool weights) {
  const int64_t several = images_at_once(conv);
  const int64_t patch = patch_size(conv), places = several * result_size(conv);
  ConvRoom room{};
  room.places = places_of_kernel(conv);
  if (weights ? is_weight_direct(conv) : is_direct(conv)) {
    if (is_staged(conv)) room.images = round_up(conv.channels * image_strides(conv).volume, 64);
    return room;
  }
  room.product = weights ? gemm_room(conv.rows, patch, places, conv.batch > several)
                         : gemm_room(conv.rows, places, patch, false);
  room.product.b += kMaxTileCols;  // packing writes a register too much
  if (is_staged(conv))
    room.images = round_up(several * conv.channels * image_strides(conv).volume, 64);
  if (several > 1) room.results = round_up(conv.rows * places, 64);
  if (!weights) room.bias = conv.rows * kMaxTileCols;
  return room;
}

inline Cost conv_cost(const LaunchView& launch) {
  const Conv& conv = launch.as<Conv>();
  constexpr double kSpeed = 4;
  const double results = static_cast<double>(conv.batch * conv.groups * conv.rows) *
                         static_cast<double>(result_size(conv));
  return {2 * results * static_cast<double>(patch_size(conv)), launch.bytes, kSpeed};
}
template <bool weights>
int64_t conv_scratch(const LaunchView& launch, int /*threads*/) {
  return conv_room(launch.as<Conv>(), weights).bytes(launch.element_size);
}
// The images, where each rank takes whole ones.
inline RowPartition conv_rows(const LaunchView& launch, int ranks) {
  const Conv& conv = launch.as<Conv>();
  if (conv.batch % ranks != 0) return {};
  return {conv.batch,
          {conv.groups * conv.rows * result_size(conv),
           conv.groups * conv.channels * image_size(conv), 0, 0}};
}

// A rank's room, with what does not change from image to image in it.
template <class T>
class ConvWorkspace {
 public:
  ConvWorkspace(const Task& task, bool weights)
      : conv(arguments<Conv>(task)), room_(conv_room(conv, weights)) {
    product_ = static_cast<T*>(task.scratch);
    images_ = product_ + room_.product.all();
    results_ = images_ + room_.images;
    bias_ = results_ + room_.results;
    places_ = reinterpret_cast<int64_t*>(static_cast<char*>(task.scratch) + room_.bytes(sizeof(T)) -
                                         room_.places * 8);
    list_places(places_, conv);
    for (int64_t i = 0; i < room_.images; ++i) images_[i] = T(0);
  }

  // The patches of `count` images, of some channels of a group: x is the first of them.
  Patches<T> patches(const T* x, int64_t count, int64_t channels) const {
    const int64_t apart = conv.groups * conv.channels * image_size(conv);
    if (!is_staged(conv)) return {&conv, x, apart, places_};
    const int64_t staged = channels * image_strides(conv).volume;
    for (int64_t n = 0; n < count; ++n) stage(images_ + n * staged, x + n * apart, conv, channels);
    return {&conv, images_, staged, places_};
  }
  // A group's bias as rows of it; those of the group before are still there.
  const T* spread_bias(const T* bias) {
    if (!bias || bias == spread_) return bias ? bias_ : nullptr;
    spread_ = bias;
    for (int64_t i = 0; i < conv.rows * kMaxTileCols; ++i) bias_[i] = bias[i / kMaxTileCols];
    return bias_;
  }
  void multiply(const Rect<T>& rect, bool team) const {
    multiply_rect(rect, blocking_of(rect, product_, room_.product, team));
  }
  // Where rows of the results of several images lie side by side.
  T* results() const { return results_; }

  const Conv& conv;

 private:
  ConvRoom room_;
  T *product_, *images_, *results_, *bias_;
  const T* spread_ = nullptr;  // whose copies are in bias_
  int64_t* places_;
};

// Copies `length` elements of each row of several matrices.
template <class T>
void copy_rows(T* out, int64_t out_row, const T* x, int64_t x_row, int64_t rows, int64_t length) {
  for (int64_t i = 0; i < rows; ++i, out += out_row, x += x_row)
    __builtin_memcpy(out, x, static_cast<uint64_t>(length) * sizeof(T));
}

// A kernel of one place, at each element of the image as it lies: the image is the matrix of its
// patches.
constexpr bool is_plain(const ConvAxis& axis) {
  return axis.kernel == 1 && axis.in == axis.out && axis.stride == 1;
}
constexpr bool is_plain(const Conv& conv) {
  return !is_staged(conv) && is_plain(conv.depth) && is_plain(conv.height) && is_plain(conv.width);
}

// The results of images [n, n + count) in one group, at columns [cols.begin, cols.end) of all their
// places.
template <class T>
void convolve_images(ConvWorkspace<T>& workspace, const Task& task, int64_t n, int64_t count,
                     int64_t group, const Range& cols) {
  const Conv& conv = workspace.conv;
  const int64_t places = result_size(conv), all = count * places, patch = patch_size(conv);
  const int64_t first = n * conv.groups + group;
  const T* const x = static_cast<const T*>(task.data[1]) + first * conv.channels * image_size(conv);
  const T* const bias = static_cast<const T*>(task.data[3]);
  T* const out = static_cast<T*>(task.data[0]) + first * conv.rows * places;
  Rect<T> rect{};
  rect.m = conv.rows, rect.n = cols.end - cols.begin, rect.k = patch;
  rect.a = static_cast<const T*>(task.data[2]) + group * conv.rows * patch;
  rect.a_row = patch, rect.a_col = 1;
  rect.c = (count > 1 ? workspace.results() : out) + cols.begin, rect.ldc = all;
  rect.row_bias = workspace.spread_bias(bias ? bias + group * conv.rows : nullptr);
  Patches<T> patches{};
  if (count == 1 && is_plain(conv)) {
    rect.b = x + cols.begin, rect.ldb = places;
  } else {
    patches = workspace.patches(x, count, conv.channels);
    patches.first = cols.begin;
    rect.patches = &patches;
  }
  workspace.multiply(rect, task.size > 1 && count == 1);
  for (int64_t at = cols.begin; count > 1 && at < cols.end;) {
    const int64_t image = at / places, place = at % places;
    const int64_t length = smaller(places - place, cols.end - at);
    copy_rows(out + image * conv.groups * conv.rows * places + place, places,
              rect.c + at - cols.begin, all, conv.rows, length);
    at += length;
  }
}

// Ranks share the images and groups, or the rows of places of each.
template <class T>
void conv_direct(const Task& task) {
  const ConvWorkspace<T> workspace(task, false);
  const Conv& conv = workspace.conv;
  const int64_t all = conv.depth.out * conv.height.out, units = conv.batch * conv.groups;
  const bool whole = are_enough(units, task.size);
  const Range mine = whole ? share(units, 1, task.rank, task.size) : Range{0, units};
  const Range rows = whole ? Range{0, all} : share(all, 1, task.rank, task.size);
  const T* const bias = static_cast<const T*>(task.data[3]);
  for (int64_t unit = mine.begin; unit < mine.end && rows.begin < rows.end; ++unit) {
    const int64_t group = unit % conv.groups;
    const T* const x =
        static_cast<const T*>(task.data[1]) + unit * conv.channels * image_size(conv);
    const T* const weight =
        static_cast<const T*>(task.data[2]) + group * conv.rows * patch_size(conv);
    convolve_directly(static_cast<T*>(task.data[0]) + unit * conv.rows * result_size(conv),
                      workspace.patches(x, 1, conv.channels), weight,
                      bias ? bias + group * conv.rows : nullptr, rows);
  }
}

// Ranks share the images, or the places of each.
template <class T>
void conv(const Task& task) {
  if (is_direct(arguments<Conv>(task))) return conv_direct<T>(task);
  ConvWorkspace<T> workspace(task, false);
  const Conv& conv = workspace.conv;
  const int64_t several = images_at_once(conv);
  const bool whole = are_enough(conv.batch, task.size);
  const Range images = whole ? share(conv.batch, 1, task.rank, task.size) : Range{0, conv.batch};
  for (int64_t n = images.begin; n < images.end; n += several) {
    const int64_t count = smaller(several, images.end - n), all = count * result_size(conv);
    const Range cols = whole ? Range{0, all} : share(all, kTileCols<T>, task.rank, task.size);
    if (cols.begin == cols.end) continue;
    for (int64_t group = 0; group < conv.groups; ++group)
      convolve_images(workspace, task, n, count, group, cols);
  }
}

// The sum over all images of one group, at some rows and columns of the weights; only the channels
// that the columns are of are staged.
template <class T>
void sum_over_images(const ConvWorkspace<T>& workspace, const Task& task, int64_t group,
                     const Range& rows, const Range& cols) {
  const Conv& conv = workspace.conv;
  const int64_t places = result_size(conv), patch = patch_size(conv);
  const int64_t kernel = places_of_kernel(conv), size = image_size(conv);
  const int64_t channel = cols.begin / kernel, last = (cols.end - 1) / kernel;
  const int64_t several = images_at_once(conv), height = rows.end - rows.begin;
  Rect<T> rect{};
  rect.m = height, rect.n = cols.end - cols.begin, rect.a_col = 1, rect.trans_b = true;
  rect.c = static_cast<T*>(task.data[0]) + (group * conv.rows + rows.begin) * patch + cols.begin;
  rect.ldc = patch;
  for (int64_t n = 0; n < conv.batch; n += several) {
    const int64_t count = smaller(several, conv.batch - n), image = n * conv.groups + group;
    const T* const x =
        static_cast<const T*>(task.data[1]) + (image * conv.channels + channel) * size;
    const T* const grad =
        static_cast<const T*>(task.data[2]) + (image * conv.rows + rows.begin) * places;
    for (int64_t i = 0; several > 1 && i < count; ++i)
      copy_rows(workspace.results() + i * places, count * places,
                grad + i * conv.groups * conv.rows * places, places, height, places);
    Patches<T> patches = workspace.patches(x, count, last + 1 - channel);
    patches.first = cols.begin - channel * kernel;
    rect.patches = &patches;
    rect.a = several > 1 ? workspace.results() : grad;
    rect.a_row = rect.k = count * places;
    workspace.multiply(rect, task.size > 1 && n == 0);
    rect.accumulate = true;
  }
}

// Ranks share the groups.
template <class T>
void conv_weight_direct(const Task& task) {
  const ConvWorkspace<T> workspace(task, true);
  const Conv& conv = workspace.conv;
  const int64_t kernel = places_of_kernel(conv), places = result_size(conv);
  const Range mine = share(conv.groups, 1, task.rank, task.size);
  for (int64_t group = mine.begin; group < mine.end; ++group) {
    T* const out = static_cast<T*>(task.data[0]) + group * conv.rows * patch_size(conv);
    for (int64_t n = 0; n < conv.batch; ++n) {
      const int64_t unit = n * conv.groups + group;
      const T* const x =
          static_cast<const T*>(task.data[1]) + unit * conv.channels * image_size(conv);
      const T* const grad = static_cast<const T*>(task.data[2]) + unit * conv.rows * places;
      const Patches<T> patches = workspace.patches(x, 1, conv.channels);
      for (int64_t cell = 0; cell < conv.rows * conv.channels; ++cell) {
        const int64_t row = cell / conv.channels, channel = cell % conv.channels;
        correlate_directly(out + cell * kernel, patches,
                           patches.image + channel * image_strides(conv).volume,
                           grad + row * places, n == 0);
      }
    }
  }
}

// Ranks share the groups, or each the patch elements, or where those are few the rows.
template <class T>
void conv_weight(const Task& task) {
  if (is_weight_direct(arguments<Conv>(task))) return conv_weight_direct<T>(task);
  const ConvWorkspace<T> workspace(task, true);
  const Conv& conv = workspace.conv;
  const int64_t patch = patch_size(conv);
  const int64_t cells = are_enough(conv.groups, task.size) ? 1 : task.size;
  const bool by_rows = patch < kTileCols<T> * cells;
  const Range units = share(conv.groups * cells, 1, task.rank, task.size);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int cell = static_cast<int>(unit % cells), count = static_cast<int>(cells);
    const Range rows = by_rows ? share(conv.rows, 1, cell, count) : Range{0, conv.rows};
    const Range cols = by_rows ? Range{0, patch} : share(patch, kTileCols<T>, cell, count);
    if (rows.begin < rows.end && cols.begin < cols.end)
      sum_over_images(workspace, task, unit / cells, rows, cols);
  }
}

}  // namespace
}  // namespace steep::kernels
