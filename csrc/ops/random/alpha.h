// By what alpha dropout scales and shifts.
#pragma once

#include <cmath>

namespace steep::ops {

// Elements that are dropped become SELU's limit at minus infinity; then all are scaled and shifted,
// so that a mean of 0 and a variance of 1 stay (Klambauer et al., 2017).
struct AlphaScale {
  static constexpr double kLimit = -1.7580993408473766;  // minus SELU's alpha times its scale
  explicit AlphaScale(double p)
      : scale(p < 1 ? 1 / std::sqrt((kLimit * kLimit * p + 1) * (1 - p)) : 0),
        shift(-kLimit * scale * p),
        dropped(kLimit * scale) {}
  double scale, shift;
  double dropped;  // a dropped element, scaled
};

}  // namespace steep::ops
