// When the gradient with respect to an image is made by columns: an estimate of both ways, in
// nanoseconds for each channel of an image, from what was measured on one core.
#include <algorithm>

#include "ops/conv/conv.h"

namespace steep::ops {

namespace {

struct Sizes {
  double image = 1, result = 1, kernel = 1, phases = 1, longest_run;
  double batch, channels, rows;  // of a group

  Sizes(const Tensor& y, const Tensor& w, const Convolution& how)
      : batch(static_cast<double>(y.size(0))),
        channels(static_cast<double>(w.size(1))),
        rows(static_cast<double>(w.size(0) / how.groups)) {
    for (const ConvAxis& axis : how.axis) {
      image *= static_cast<double>(axis.in);
      result *= static_cast<double>(axis.out);
      kernel *= static_cast<double>(axis.kernel);
      phases *= static_cast<double>(std::min(axis.stride, axis.in));
    }
    longest_run = static_cast<double>(std::max(how.axis[2].kernel, how.axis[2].out));
  }
};

constexpr double kProduct = 0.022;

// Every patch element is a sum of products, and then added to the image, a run at a time.
double by_columns(const Sizes& sizes) {
  constexpr double kAdded = 0.15, kRun = 7;
  return sizes.result * sizes.kernel * (sizes.rows * kProduct + kAdded + kRun / sizes.longest_run);
}

// As a convolution of y there are as many products as elements of the image, most of them with zeros;
// patches of y are packed once for all channels, and the weights turned round once for all images.
double by_convolution(const Sizes& sizes, bool is_direct) {
  constexpr double kDirect = 0.05, kPacked = 0.2, kTurned = 5;
  const double each = is_direct ? kDirect : kProduct + kPacked / sizes.channels;
  return sizes.kernel * sizes.rows * (sizes.image * each + kTurned / sizes.batch);
}

// Phases need no products with the zeros of a stride, but a launch each, weights of their own, and
// a copy of what they computed.
double by_phases(const Sizes& sizes, bool is_direct, double groups) {
  constexpr double kCopied = 0.73, kTurned = 2.5, kLaunch = 2000;
  Sizes phase = sizes;
  phase.image /= sizes.phases;
  return by_convolution(phase, is_direct) + sizes.image * kCopied +
         sizes.kernel * sizes.rows * kTurned / sizes.batch +
         sizes.phases * kLaunch / (sizes.batch * groups * sizes.channels);
}

}  // namespace

bool suits_columns(const Tensor& y, const Tensor& w, const Convolution& how, bool phases) {
  if (y.numel() == 0 || w.numel() == 0) return false;
  constexpr double kFew = 4, kLanes = 16;  // as in kernels/product/conv_direct.h
  const Sizes sizes(y, w, how);
  const bool is_direct = sizes.channels <= kFew && (sizes.channels * sizes.rows <= kFew ||
                                                    static_cast<double>(how.axis[2].in) >= kLanes);
  const double other = phases ? by_phases(sizes, is_direct, static_cast<double>(how.groups))
                              : by_convolution(sizes, is_direct);
  return by_columns(sizes) < other;
}

}  // namespace steep::ops
