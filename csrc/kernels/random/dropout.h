// Dropout, with masks from a counter-based generator.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011),
// keyed by the seed: element i takes word i % 4 of counter offset + i / 4, and is kept if that word
// / 2^32 < keep. A mask therefore does not depend on who draws it. A call moves the offset on by
// ceil(n / 4).
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct Dropout {
  int64_t n;
  double keep;   // the probability
  double scale;  // of what is kept
};
struct AlphaDropout {
  int64_t n;
  double keep;
  double scale, shift;  // of what is kept
  double dropped;       // what stands for the rest
};
struct DropoutBackward {
  int64_t n;
  double scale;
};

// Dropout.  Operands: out[n], mask b[n], x[n], state int64[2] {seed, offset}:
// out = mask ? x * scale : 0.
extern Kernel kDropout;
// AlphaDropout.  Operands as Dropout's: out = mask ? x * scale + shift : dropped.
extern Kernel kAlphaDropout;
// DropoutBackward, of both.  Operands: grad_x[n], grad[n], mask b[n]:
// grad_x = mask ? grad * scale : 0.
extern Kernel kDropoutBackward;

}  // namespace steep::kernels
