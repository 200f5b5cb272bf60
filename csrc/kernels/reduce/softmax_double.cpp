// Softmax of doubles, apart from that of floats: networks are seldom trained in them, and registers of 32
// bytes do.
#include "kernels/isa.h"
#include "kernels/reduce/softmax_routines.h"

namespace steep::kernels {

void STEEP_FILL(reduce_softmax_double)() { fill<double>(); }

}  // namespace steep::kernels
