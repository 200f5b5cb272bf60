// Convolutions as three operations that are each other's gradients: of a result, of an image, of
// weights.
#pragma once

#include "kernels/product/conv.h"
#include "ops/ops.h"

namespace steep::ops {

using kernels::ConvAxis;

// What a convolution is besides its operands. Images are x [batch, groups * channels, in...], weights
// w [groups * rows, channels, kernel...], results y [batch, groups * rows, out...], with `axes` axes
// each: the last ones of depth, height and width; the others have size 1.
struct Convolution {
  int axes = 0;
  int64_t groups = 1;
  ConvAxis axis[3];
};

// y, with bias [groups * rows] or none; w as it lies in x, with bias [groups * channels] or none
// (the gradient with respect to x, and a transposed convolution); and the gradient with respect to w.
Tensor convolve(const Tensor& x, const Tensor& w, const Tensor& bias, const Convolution& how);
Tensor convolve_back(const Tensor& y, const Tensor& w, const Tensor& bias, const Convolution& how);
Tensor convolve_weight(const Tensor& x, const Tensor& y, const Convolution& how);

// The launch alone, into an `out` that has x's convolution's shape.
void launch_convolution(const Tensor& out, const Tensor& x, const Tensor& w, const Tensor& bias,
                        const Convolution& how);

// The same of integers, by a product of matrices (integers.cpp); no kernel is made for them.
Tensor convolve_integers(const Tensor& x, const Tensor& w, const Tensor& bias,
                         const Convolution& how);

// Kernels of 3x3 by fewer products (winograd.cpp). `turned`: w lies as in convolve_back.
bool suits_winograd(int64_t batch, int64_t channels, int64_t rows, const Convolution& how);
void launch_winograd(const Tensor& out, const Tensor& x, const Tensor& w, const Tensor& bias,
                     bool turned, const Convolution& how);
void launch_winograd_gradient(const Tensor& out, const Tensor& x, const Tensor& grad,
                              const Convolution& how);

// Whether convolve_back takes less time by columns (columns.cpp; kernels/product/conv_columns.h) than
// as a convolution of y, which goes phase by phase or in one.
bool suits_columns(const Tensor& y, const Tensor& w, const Convolution& how, bool phases);

// convolve_back with strides, without the zeros between the elements of y (phases.cpp): the elements
// of x a stride apart from each other are a convolution of y with some places of the kernel, a phase.
// `turned` are the weights of each group transposed and turned round.
bool has_worthwhile_phases(const Tensor& x, const Tensor& y, const Tensor& w,
                           const Convolution& how);
void convolve_phases(const Tensor& x, const Tensor& y, const Tensor& turned, const Tensor& bias,
                     const Convolution& how);

}  // namespace steep::ops
