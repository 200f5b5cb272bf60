// What writing into a tensor asks first.
#pragma once

#include "tensor/dtype.h"

namespace steep::ops {

// Whether a value of dtype `from` may be written into `to`: the kind must not shrink
// (float -> int, int -> bool).
bool can_cast(DType from, DType to);

}  // namespace steep::ops
