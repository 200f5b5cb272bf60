// Division that rounds, and rounding to decimals.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// x / other rounded toward zero ('trunc') or down ('floor'); as it is where there is no mode.
Tensor div_rounded(const TensorOrNumber& x, const TensorOrNumber& other,
                   const std::optional<std::string>& rounding_mode);
// To so many digits behind the point; a negative number counts those in front of it.
Tensor round_to(const Tensor& x, int64_t decimals);

}  // namespace steep::ops
