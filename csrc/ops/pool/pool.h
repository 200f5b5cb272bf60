// What the pooling operations share: windows read from their arguments, and places in planes.
#pragma once

#include "kernels/pool/axis.h"
#include "ops/elementwise/elementwise.h"

namespace steep::ops {

using kernels::PoolAxis;

// Windows over the last `axes` dimensions of a tensor; of the three axes the first ones are of size
// 1 where it has fewer.
struct Windows {
  int axes = 0;
  PoolAxis axis[3];
  Dims shape;  // of the result

  int64_t planes() const;
  int64_t in() const { return axis[0].in * axis[1].in * axis[2].in; }
  int64_t out() const { return axis[0].out * axis[1].out * axis[2].out; }
  template <class Arguments>
  Arguments arguments() const {
    Arguments all{};
    all.planes = planes(), all.depth = axis[0], all.height = axis[1], all.width = axis[2];
    return all;
  }
};

// One number for all axes, or one for each.
Dims for_pool_axes(const char* op, const char* what, const Dims& given, int axes);

// Refuses numbers below `least`, for which `text` says why, and those that PyTorch cannot count.
void check_window_numbers(const char* op, const char* what, const Dims& given, int64_t least,
                          const char* text);

struct WindowSettings {
  Dims kernel;
  std::optional<Dims> stride;  // the kernel's size if left out, or empty
  Dims padding, dilation;
  bool ceil_mode;
};
// Checked as PyTorch checks them.
Windows windows_of(const char* op, int axes, const Tensor& x, const WindowSettings& settings);
// Windows that cut the axes into as many parts as `output_size` says, a number of each.
Windows adaptive_windows(const char* op, const Tensor& x, const Dims& output_size);

// Where the elements of planes go, or come from: index [planes..., out...] counts within a plane of
// x [planes..., in...]; what is outside of it is left out. Each is the other's gradient.
Tensor put_in_planes(const Tensor& x, const Tensor& index, const Windows& windows,
                     const Dims& shape);
Tensor pick_in_planes(const Tensor& x, const Tensor& index, const Windows& windows);

// The mean of each window; `padded` and `divisor` as in kernels/pool/average_pool.h.
Tensor average_windows(const Tensor& x, const Windows& windows, bool padded, int64_t divisor);
// The largest of each window, and where it is; without the places in its second form.
std::tuple<Tensor, Tensor> max_and_places(const char* op, const Tensor& x, const Windows& windows);
Tensor max_of_windows(const char* op, const Tensor& x, const Windows& windows);

}  // namespace steep::ops
