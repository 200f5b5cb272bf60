// Choosing operations that only the registry and their own family call.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

Tensor logical_and(const Tensor& x, const Tensor& other);
Tensor logical_or(const Tensor& x, const Tensor& other);
Tensor logical_xor(const Tensor& x, const Tensor& other);
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);
// Whether both have one shape, dtype and the same values.
bool equal(const Tensor& x, const Tensor& other);
// |x - other| <= atol + rtol * |other|, and equal infinities; nan is close to nan where equal_nan.
Tensor isclose(const Tensor& x, const Tensor& other, double rtol, double atol, bool equal_nan);
bool allclose(const Tensor& x, const Tensor& other, double rtol, double atol, bool equal_nan);
Tensor clamp(const Tensor& x, std::optional<TensorOrNumber> min, std::optional<TensorOrNumber> max);
inline Tensor where_method(const Tensor& x, const Tensor& condition, const TensorOrNumber& other) {
  return where(condition, TensorOrNumber{x, {}}, other);
}

}  // namespace steep::ops
