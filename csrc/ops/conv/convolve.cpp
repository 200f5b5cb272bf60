// The three convolutions and their gradients, which are each other: a convolution is linear in the
// image and in the weights.
#include "ops/conv/conv.h"
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"

namespace steep::ops {

namespace {

// A shape [first, second, sizes of the axes].
Dims shaped(int64_t first, int64_t second, const Convolution& how, int64_t ConvAxis::* size) {
  Dims shape{first, second};
  for (int i = 3 - how.axes; i < 3; ++i) shape.push_back(how.axis[i].*size);
  return shape;
}

kernels::Conv arguments_of(int64_t batch, int64_t channels, int64_t rows, const Convolution& how) {
  return {batch,       how.groups, channels / how.groups, rows / how.groups, how.axis[0],
          how.axis[1], how.axis[2]};
}

// Where the image is the result: the kernel is turned round, and a stride becomes a spread.
Convolution turned_round(Convolution how) {
  for (ConvAxis& axis : how.axis)
    axis = {axis.out,   axis.in,       axis.kernel,
            1,          axis.dilation, axis.dilation * (axis.kernel - 1) - axis.lead,
            axis.stride};
  return how;
}

// The weights of each group transposed and turned round: [groups * channels, rows, kernel...].
Tensor turned_round(const Tensor& w, const Convolution& how) {
  const int64_t channels = w.size(1), rows = w.size(0) / how.groups;
  Dims split{how.groups, rows, channels}, axes;
  for (int i = 0; i < how.axes; ++i) {
    split.push_back(w.size(2 + i));
    axes.push_back(3 + i);
  }
  const Tensor swapped = transpose(reshape(w, split), 1, 2);
  return reshape(flip(swapped, axes), shaped(how.groups * channels, rows, how, &ConvAxis::kernel));
}

// The sum over all but the channels.
Tensor sum_of_channels(const Tensor& x) {
  Dims others{0};
  for (int d = 2; d < x.dim(); ++d) others.push_back(d);
  return sum(x, others, false, std::nullopt);
}

}  // namespace

void launch_convolution(const Tensor& out, const Tensor& x, const Tensor& w, const Tensor& bias,
                        const Convolution& how) {
  program::launch(kernels::kConv, x.dtype(),
                  {out, contiguous(x), contiguous(w), bias.defined() ? contiguous(bias) : bias},
                  arguments_of(x.size(0), x.size(1), w.size(0), how));
}

Tensor convolve(const Tensor& x, const Tensor& w, const Tensor& bias, const Convolution& how) {
  if (!is_floating(x.dtype())) return convolve_integers(x, w, bias, how);
  const Tensor out = empty(shaped(x.size(0), w.size(0), how, &ConvAxis::out), x.dtype());
  {
    const tape::GradMode off(false);
    if (out.numel() > 0 && suits_winograd(x.size(0), x.size(1), w.size(0), how)) {
      launch_winograd(out, x, w, bias, false, how);
    } else if (out.numel() > 0) {
      launch_convolution(out, x, w, bias, how);
    }
  }
  if (wanted(x, w, bias)) {
    record("convolution", out, {x, w, bias},
           [x = Saved(x, tape::requires_grad(w)), w = Saved(w, tape::requires_grad(x)), how](
               const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = convolve_back(grad, w.get(), {}, how);
             if (grads.wanted(1)) grads[1] = convolve_weight(x.get(), grad, how);
             if (grads.wanted(2)) grads[2] = sum_of_channels(grad);
           });
  }
  return out;
}

Tensor convolve_back(const Tensor& y, const Tensor& w, const Tensor& bias, const Convolution& how) {
  if (!is_floating(y.dtype()))
    return convolve_integers(y, turned_round(w, how), bias, turned_round(how));
  const int64_t channels = w.size(1) * how.groups;
  const Tensor out = empty(shaped(y.size(0), channels, how, &ConvAxis::in), y.dtype());
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    const Convolution back = turned_round(how);
    if (suits_winograd(y.size(0), y.size(1), channels, back)) {
      launch_winograd(out, y, w, bias, true, back);
    } else if (suits_columns(y, w, how, has_worthwhile_phases(out, y, w, how))) {
      program::launch(kernels::kConvColumns, y.dtype(),
                      {out, contiguous(y), contiguous(w), bias.defined() ? contiguous(bias) : bias},
                      arguments_of(y.size(0), channels, y.size(1), how));
    } else if (has_worthwhile_phases(out, y, w, how)) {
      convolve_phases(out, y, contiguous(turned_round(w, how)), bias, how);
    } else {
      launch_convolution(out, y, contiguous(turned_round(w, how)), bias, back);
    }
  }
  if (wanted(y, w, bias)) {
    record("convolution_transpose", out, {y, w, bias},
           [y = Saved(y, tape::requires_grad(w)), w = Saved(w, tape::requires_grad(y)), how](
               const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = convolve(grad, w.get(), {}, how);
             if (grads.wanted(1)) grads[1] = convolve_weight(grad, y.get(), how);
             if (grads.wanted(2)) grads[2] = sum_of_channels(grad);
           });
  }
  return out;
}

Tensor convolve_weight(const Tensor& x, const Tensor& y, const Convolution& how) {
  const int64_t channels = x.size(1) / how.groups;
  const Dims shape = shaped(y.size(1), channels, how, &ConvAxis::kernel);
  const bool is_empty = x.numel() == 0 || y.numel() == 0;
  const Tensor out = is_empty ? zeros(shape, x.dtype()) : empty(shape, x.dtype());
  if (!is_empty && out.numel() > 0) {
    const tape::GradMode off(false);
    if (suits_winograd(x.size(0), x.size(1), y.size(1), how)) {
      launch_winograd_gradient(out, x, y, how);
    } else {
      program::launch(kernels::kConvWeight, x.dtype(), {out, contiguous(x), contiguous(y)},
                      arguments_of(x.size(0), x.size(1), y.size(1), how));
    }
  }
  if (wanted(x, y)) {
    record("convolution_weight", out, {x, y},
           [x = Saved(x, tape::requires_grad(y)), y = Saved(y, tape::requires_grad(x)), how](
               const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = convolve_back(y.get(), grad, {}, how);
             if (grads.wanted(1)) grads[1] = convolve(x.get(), grad, {}, how);
           });
  }
  return out;
}

}  // namespace steep::ops
