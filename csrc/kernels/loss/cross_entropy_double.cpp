// Cross entropy of doubles, apart from that of floats, for the same reason as softmax of doubles.
#include "kernels/isa.h"
#include "kernels/loss/cross_entropy_routines.h"

namespace steep::kernels {

void STEEP_FILL(loss_cross_entropy_double)() { fill<double>(); }

}  // namespace steep::kernels
