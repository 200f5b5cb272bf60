// The convolution kernels: products of weights or gradients with the patches of one image after the
// other. They are compiled with gemm.cpp, whose tiles they share.
#pragma once

#include <cstdint>

#include "kernels/product/conv.h"
#include "kernels/product/gemm_rect.h"
#include "kernels/product/patches.h"

namespace steep::kernels {
namespace {

// One rank's room: that of a product, then the staged image, the bias of each row, and the places
// of the kernel.
struct ConvRoom {
  GemmRoom product;
  int64_t image, bias, places;  // elements, and 8-byte places
  constexpr int64_t bytes(int64_t element) const {
    return round_up((product.all() + image + bias) * element, 64) + places * 8;
  }
};

constexpr ConvRoom conv_room(const Conv& conv, bool weights) {
  const int64_t patch = patch_size(conv), places = result_size(conv);
  ConvRoom room{};
  room.product = weights ? gemm_room(conv.rows, patch, places, conv.batch > 1)
                         : gemm_room(conv.rows, places, patch, false);
  room.product.b += kMaxTileCols;  // packing writes a register too much
  room.image = is_staged(conv) ? round_up(conv.channels * image_strides(conv).volume, 64) : 0;
  room.bias = weights ? 0 : conv.rows * kMaxTileCols;
  room.places = places_of_kernel(conv);
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
class ConvBench {
 public:
  ConvBench(const Task& task, bool weights)
      : conv_(arguments<Conv>(task)), room_(conv_room(conv_, weights)) {
    product_ = static_cast<T*>(task.scratch);
    image_ = product_ + room_.product.all();
    bias_ = image_ + room_.image;
    places_ = reinterpret_cast<int64_t*>(static_cast<char*>(task.scratch) + room_.bytes(sizeof(T)) -
                                         room_.places * 8);
    list_places(places_, conv_);
  }

  const Conv& conv() const { return conv_; }

  // The patches of some channels of an image.
  Patches<T> patches(const T* image, int64_t channels) const {
    if (is_staged(conv_)) {
      stage(image_, image, conv_, channels);
      image = image_;
    }
    return {&conv_, image, places_};
  }
  // A group's bias as rows of it; those of the group before are still there.
  const T* spread_bias(const T* bias) {
    if (!bias || bias == spread_) return bias ? bias_ : nullptr;
    spread_ = bias;
    for (int64_t i = 0; i < conv_.rows * kMaxTileCols; ++i) bias_[i] = bias[i / kMaxTileCols];
    return bias_;
  }
  void multiply(const Rect<T>& rect, bool team) const {
    multiply_rect(rect, blocking_of(rect, product_, room_.product, team));
  }

 private:
  const Conv& conv_;
  ConvRoom room_;
  T *product_, *image_, *bias_;
  const T* spread_ = nullptr;  // whose copies are in bias_
  int64_t* places_;
};

// A kernel of one place that is read as it lies: the image is the matrix of its patches.
constexpr bool is_plain(const Conv& conv) {
  return places_of_kernel(conv) == 1 && !is_staged(conv) && conv.height.stride == 1 &&
         conv.depth.stride == 1;
}

// Whether ranks take whole units of the work rather than parts of each.
constexpr bool are_enough(int64_t units, int size) {
  return units % size == 0 || units >= 8 * size;
}

// Ranks share the images of all groups, or the columns of each.
template <class T>
void conv(const Task& task) {
  ConvBench<T> bench(task, false);
  const Conv& conv = bench.conv();
  const int64_t places = result_size(conv), patch = patch_size(conv);
  const int64_t size = image_size(conv) * conv.channels;
  const int64_t cells = are_enough(conv.batch * conv.groups, task.size) ? 1 : task.size;
  const Range units = share(conv.batch * conv.groups * cells, 1, task.rank, task.size);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t image = unit / cells, group = image % conv.groups;
    const Range cols =
        share(places, kTileCols<T>, static_cast<int>(unit % cells), static_cast<int>(cells));
    if (cols.begin == cols.end) continue;
    const T* const x = static_cast<const T*>(task.data[1]) + image * size;
    const T* const bias = static_cast<const T*>(task.data[3]);
    Rect<T> rect{};
    rect.m = conv.rows, rect.n = cols.end - cols.begin, rect.k = patch;
    rect.a = static_cast<const T*>(task.data[2]) + group * conv.rows * patch;
    rect.a_row = patch, rect.a_col = 1;
    rect.c = static_cast<T*>(task.data[0]) + image * conv.rows * places + cols.begin;
    rect.ldc = places;
    rect.row_bias = bench.spread_bias(bias ? bias + group * conv.rows : nullptr);
    Patches<T> patches{};
    if (is_plain(conv)) {
      rect.b = x + cols.begin, rect.ldb = places;
    } else {
      patches = bench.patches(x, conv.channels);
      patches.first = cols.begin;
      rect.patches = &patches;
    }
    bench.multiply(rect, task.size > 1);
  }
}

// Ranks share the groups, or each the patch elements, or where those are few the rows: every rank
// goes through all images, and stages the channels that its elements are of.
template <class T>
void conv_weight(const Task& task) {
  const ConvBench<T> bench(task, true);
  const Conv& conv = bench.conv();
  const int64_t places = result_size(conv), patch = patch_size(conv);
  const int64_t kernel = places_of_kernel(conv), size = image_size(conv);
  const int64_t cells = are_enough(conv.groups, task.size) ? 1 : task.size;
  const bool by_rows = patch < kTileCols<T> * cells;
  const Range units = share(conv.groups * cells, 1, task.rank, task.size);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t group = unit / cells;
    const int cell = static_cast<int>(unit % cells), count = static_cast<int>(cells);
    const Range rows = by_rows ? share(conv.rows, 1, cell, count) : Range{0, conv.rows};
    const Range cols = by_rows ? Range{0, patch} : share(patch, kTileCols<T>, cell, count);
    if (rows.begin == rows.end || cols.begin == cols.end) continue;
    const int64_t channel = cols.begin / kernel, last = (cols.end - 1) / kernel;
    Rect<T> rect{};
    rect.m = rows.end - rows.begin, rect.n = cols.end - cols.begin, rect.k = places;
    rect.a_row = places, rect.a_col = 1, rect.trans_b = true;
    rect.c = static_cast<T*>(task.data[0]) + (group * conv.rows + rows.begin) * patch + cols.begin;
    rect.ldc = patch;
    for (int64_t n = 0; n < conv.batch; ++n) {
      const int64_t image = n * conv.groups + group;
      const T* const x =
          static_cast<const T*>(task.data[1]) + (image * conv.channels + channel) * size;
      Patches<T> patches = bench.patches(x, last + 1 - channel);
      patches.first = cols.begin - channel * kernel;
      rect.patches = &patches;
      rect.a = static_cast<const T*>(task.data[2]) + (image * conv.rows + rows.begin) * places;
      bench.multiply(rect, task.size > 1 && n == 0);
      rect.accumulate = true;
    }
  }
}

}  // namespace
}  // namespace steep::kernels
