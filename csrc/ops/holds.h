// Conditions on values that Python code states.
#pragma once

#include "ops/value.h"

namespace steep::ops {

// A ValueError with this text and with the first of the values that the condition, of dtype bool,
// does not hold for. A replayed program looks again.
void check_holds(const Tensor& holds, const Tensor& values, const std::string& text);

}  // namespace steep::ops
