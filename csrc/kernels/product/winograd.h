// Convolutions with kernels of 3x3 and no stride, in tiles: Winograd's minimal filtering F(2x2, 3x3)
// (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016). 2x2 results of a tile
// of 4x4 of the image take 16 products for each pair of channels rather than 36:
//
//   u = G w G'      v = B' x B      results = A' (sum over channels of u * v) A
//
//   G = 1    0    0      B' = 1  0 -1  0      A' = 1  1  1  0
//       1/2  1/2  1/2         0  1  1  0           0  1 -1 -1
//       1/2 -1/2  1/2         0 -1  1  0
//       0    0    1           0  1  0 -1
//
// Each of the 16 elements of tiles is a matrix product [tiles, channels] x [channels, rows]. The
// weights' gradient is the same the other way: G' (sum over tiles of (A grad A') * v) G.
// Only additions and halves are done to x and w, so results are about as exact as the plain sums'.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// u [16, channels, rows] of weights whose element (row i, channel c, place p) is
// w[i * row_step + c * channel_step + p], or 8 - p where they are turned round.
struct WinogradWeights {
  int64_t channels, rows, channel_step, row_step;
  Flag turned;
};
struct WinogradAxis {
  int64_t in, out, lead;  // result o is made of elements o - lead, + 1 and + 2
};
struct Winograd {
  int64_t batch, channels, rows;
  WinogradAxis height, width;
};

// WinogradWeights.  Operands: u, w.
extern Kernel kWinogradWeights;
// Winograd.  Operands, row-major: out [batch, rows, out...], image [batch, channels, in...], u, bias
// [rows] or none.
extern Kernel kWinograd;
// Winograd.  Operands: out [rows, channels, 3, 3], image, grad [batch, rows, out...].
extern Kernel kWinogradGradient;

}  // namespace steep::kernels
