// Max pooling by windows that tile the image and are two elements wide, the commonest of all: each
// element belongs to one window, so where the largest was is a number of a byte, and the gradient
// is written in one pass. Values, ties and NaNs are those of max_pool.h.
//
// The windows of MaxPool have kernel = stride, no dilation and no lead, lie in the image whole, and
// have at most 128 rows. What is left of the image at the ends of its axes belongs to none.
#pragma once

#include "kernels/pool/max_pool.h"

namespace steep::kernels {

// MaxPool.  Operands: out [planes, out...], place uint8 [planes, out...] (or left out), x.
extern Kernel kMaxTiles;
// MaxPool.  x = grad at the places, 0 elsewhere.  Operands: x, grad [planes, out...], place.
extern Kernel kMaxTilesPut;

}  // namespace steep::kernels
