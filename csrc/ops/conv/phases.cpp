// The gradient of a strided convolution with respect to its image, phase by phase. With zeros between
// the elements of y it is one convolution, of which all but one product in stride^axes has a factor 0.
//
// Along an axis, element i = r + stride * q of the image meets y at o where
// o * stride = i + lead - k * dilation, so only places k of the kernel with
// k * dilation = r + lead (mod stride): first, first + step, ..., `taps` of them. Those of one r are
// a phase: a convolution of y over q with kernel `taps`, stride 1 and dilation / gcd.
#include <numeric>

#include "ops/conv/conv.h"
#include "ops/elementwise/elementwise.h"
#include "ops/shape/strided_view.h"

namespace steep::ops {

namespace {

struct Phase {
  int64_t first, step, taps;  // places of the kernel
  ConvAxis axis;              // of the convolution of y
};

Phase phase_of(const ConvAxis& axis, int64_t r) {
  const int64_t common = std::gcd(axis.dilation, axis.stride), step = axis.stride / common;
  const auto meets = [&](int64_t k) {
    return (r + axis.lead - k * axis.dilation) % axis.stride == 0;
  };
  int64_t first = 0;
  while (first < step && !meets(first)) ++first;
  const bool none = first == step || first >= axis.kernel;
  const int64_t taps = none ? 0 : (axis.kernel - first - 1) / step + 1;
  const int64_t apart = axis.dilation / common, size = (axis.in - r - 1) / axis.stride + 1;
  const int64_t at = (r + axis.lead - first * axis.dilation) / axis.stride;
  return {first, step, taps, {axis.out, size, taps, 1, apart, (taps - 1) * apart - at, 1}};
}

// The image's elements of one phase, the phase of each axis given.
Tensor elements_of(const Tensor& x, const Convolution& how, const int64_t* r) {
  Dims shape{x.size(0), x.size(1)}, strides{x.strides()[0], x.strides()[1]};
  int64_t offset = 0;
  for (int i = 0; i < how.axes; ++i) {
    const int64_t stride = x.strides()[2 + i];
    const ConvAxis& axis = how.axis[3 - how.axes + i];
    const int64_t at = r[3 - how.axes + i];
    shape.push_back((axis.in - at - 1) / axis.stride + 1);
    strides.push_back(stride * axis.stride);
    offset += at * stride;
  }
  return alias(x, shape, strides, x->offset + offset);
}

// The weights of one phase, from those that are turned round: place k is K - 1 - k there.
Tensor weights_of(const Tensor& turned, const Convolution& how, const Phase* phases) {
  Dims shape{turned.size(0), turned.size(1)}, strides{turned.strides()[0], turned.strides()[1]};
  int64_t offset = 0;
  for (int i = 3 - how.axes; i < 3; ++i) {
    const Phase& phase = phases[i];
    const int64_t stride = turned.strides()[i - 1 + how.axes];
    const int64_t last = phase.first + (phase.taps - 1) * phase.step;
    shape.push_back(phase.taps);
    strides.push_back(stride * phase.step);
    offset += (how.axis[i].kernel - 1 - last) * stride;
  }
  return contiguous(alias(turned, shape, strides, turned->offset + offset));
}

void convolve_phase(const Tensor& x, const Tensor& y, const Tensor& turned, const Tensor& bias,
                    const Convolution& how, const int64_t* r) {
  Convolution phase = how;
  Phase phases[3];
  bool has_taps = true;
  for (int i = 0; i < 3; ++i) {
    phases[i] = phase_of(how.axis[i], r[i]);
    phase.axis[i] = phases[i].axis;
    has_taps &= phases[i].taps > 0;
  }
  const Tensor elements = elements_of(x, how, r);
  if (has_taps) {
    const Tensor out = empty(elements.shape(), x.dtype());
    launch_convolution(out, y, weights_of(turned, how, phases), bias, phase);
    copy_memory(elements, out);
  } else if (bias.defined()) {
    Dims one_each{bias.size(0)};
    for (int i = 0; i < how.axes; ++i) one_each.push_back(1);
    copy_memory(elements, reshape(bias, one_each));
  } else {
    zero_memory(elements);
  }
}

int64_t phases_along(const ConvAxis& axis) { return std::min(axis.stride, axis.in); }

}  // namespace

bool has_worthwhile_phases(const Tensor& x, const Tensor& y, const Tensor& w,
                           const Convolution& how) {
  // About what a launch costs: products with zeros that are done in its time.
  constexpr double kProductsOfALaunch = 1e5, kMostPhases = 32;
  double phases = 1, products = static_cast<double>(x.numel());
  for (const ConvAxis& axis : how.axis) {
    phases *= static_cast<double>(phases_along(axis));
    products *= static_cast<double>(axis.kernel);
  }
  products *= static_cast<double>(y.size(1) / how.groups);
  return phases > 1 && phases <= kMostPhases && w.numel() > 0 && y.numel() > 0 &&
         products > phases * kProductsOfALaunch;
}

void convolve_phases(const Tensor& x, const Tensor& y, const Tensor& turned, const Tensor& bias,
                     const Convolution& how) {
  const Tensor rows = contiguous(y);
  int64_t r[3];
  for (r[0] = 0; r[0] < phases_along(how.axis[0]); ++r[0])
    for (r[1] = 0; r[1] < phases_along(how.axis[1]); ++r[1])
      for (r[2] = 0; r[2] < phases_along(how.axis[2]); ++r[2])
        convolve_phase(x, rows, turned, bias, how, r);
}

}  // namespace steep::ops
