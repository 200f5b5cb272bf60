// Convolutions of integers: the windows of the image as columns, and a product of matrices, which
// wraps around as all arithmetic of integers does.
#include <algorithm>

#include "ops/conv/conv.h"
#include "ops/shape/strided_view.h"

namespace steep::ops {

namespace {

// What the windows along an axis reach over.
int64_t reach_of(const ConvAxis& axis) {
  return (axis.out - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1;
}

// The elements of the image that lie in reach: element i lies at lead + i * spread.
struct Placed {
  int64_t first, count, at;
};
Placed placed_of(const ConvAxis& axis) {
  const int64_t first = axis.lead < 0 ? (axis.spread - 1 - axis.lead) / axis.spread : 0;
  const int64_t at = axis.lead + first * axis.spread, room = reach_of(axis) - at;
  const int64_t fitting = room > 0 ? (room - 1) / axis.spread + 1 : 0;
  return {first, std::max<int64_t>(0, std::min(axis.in - first, fitting)), at};
}

// The image as the windows see it, with zeros around and between its elements.
Tensor spread_out(const Tensor& x, const Convolution& how) {
  Dims shape{x.size(0), x.size(1)}, part = shape;
  for (int i = 3 - how.axes; i < 3; ++i) {
    shape.push_back(reach_of(how.axis[i]));
    part.push_back(placed_of(how.axis[i]).count);
  }
  const Tensor out = zeros(shape, x.dtype());
  if (count(part) == 0) return out;
  Dims to = out.strides(), from = x.strides();
  int64_t to_offset = out->offset, from_offset = x->offset;
  for (int d = 2; d < 2 + how.axes; ++d) {
    const ConvAxis& axis = how.axis[d + 1 - how.axes];
    const Placed placed = placed_of(axis);
    to_offset += placed.at * to[d];
    from_offset += placed.first * from[d];
    to[d] *= axis.spread;
  }
  copy_memory(alias(out, part, to, to_offset), alias(x, part, from, from_offset));
  return out;
}

// Windows as columns: [batch, groups, channels * places, results].
Tensor columns_of(const Tensor& image, const Convolution& how) {
  const int64_t channels = image.size(1) / how.groups;
  Dims shape{image.size(0), how.groups, channels};
  Dims strides{image.strides()[0], image.strides()[1] * channels, image.strides()[1]};
  int64_t places = 1, results = 1;
  for (const bool inner : {true, false}) {
    for (int i = 0; i < how.axes; ++i) {
      const ConvAxis& axis = how.axis[3 - how.axes + i];
      shape.push_back(inner ? axis.kernel : axis.out);
      strides.push_back(image.strides()[2 + i] * (inner ? axis.dilation : axis.stride));
      (inner ? places : results) *= shape.back();
    }
  }
  return reshape(alias(image, shape, strides, image->offset),
                 {image.size(0), how.groups, channels * places, results});
}

}  // namespace

Tensor convolve_integers(const Tensor& x, const Tensor& w, const Tensor& bias,
                         const Convolution& how) {
  Dims shape{x.size(0), w.size(0)};
  for (int i = 3 - how.axes; i < 3; ++i) shape.push_back(how.axis[i].out);
  if (count(shape) == 0) return empty(shape, x.dtype());
  const Tensor columns = columns_of(spread_out(x, how), how);
  const Tensor rows = reshape(w, {how.groups, w.size(0) / how.groups, columns.size(2)});
  const Tensor out = reshape(matmul(rows, columns), shape);
  if (!bias.defined()) return out;
  Dims each(how.axes + 1, 1);
  each[0] = bias.numel();
  return add(out, reshape(bias, each));
}

}  // namespace steep::ops
