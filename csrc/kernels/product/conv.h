// Convolutions (cross-correlations) over one to three axes, as products with a matrix of patches
// that lies nowhere in memory: what is packed for the product is read from the image itself.
//
// For each image x of the batch and each group, with rows i, patch elements p = (channel, place in
// the kernel), and places j in the result:
//
//       patch(p, j) = x[channel, j * stride + place * dilation - lead along each axis]
//       kConv:        out(i, j) = sum over p of weight(i, p) * patch(p, j), + bias(i)
//       kConvWeight:  out(i, p) = sum over images and j of grad(i, j) * patch(p, j)
//
// An axis of the image may be spread: its elements stand `spread` apart, with zeros between them.
// So the gradient with respect to the image is a kConv, too, with the weights of each group
// transposed and turned round: stride becomes spread. Outside the image there are zeros.
//
// The order of a sum is a product's (gemm.h), along p, or along j and then from image to image.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct ConvAxis {
  int64_t in, out, kernel;  // sizes of the image, the result and the kernel along it
  int64_t stride, dilation, lead, spread;
};
struct Conv {
  int64_t batch, groups;
  int64_t channels, rows;  // of each group: of the image, and of the result
  ConvAxis depth, height, width;
};

// Conv.  Operands, all row-major: out [batch, groups * rows, out...], image [batch, groups *
// channels, in...], weight [groups * rows, channels, kernel...], bias [groups * rows] or none.
extern Kernel kConv;
// Conv.  Operands: out [groups * rows, channels, kernel...], image, grad [batch, groups * rows,
// out...]; batch is at least 1.
extern Kernel kConvWeight;
// Conv, as for kConv without spread: the gradient with respect to the image, by columns
// (conv_columns.h). Operands: image, grad [batch, groups * rows, out...], weight, bias
// [groups * channels] or none.
extern Kernel kConvColumns;

}  // namespace steep::kernels
