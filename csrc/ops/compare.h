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
Tensor clamp(const Tensor& x, std::optional<TensorOrNumber> min, std::optional<TensorOrNumber> max);
inline Tensor where_method(const Tensor& x, const Tensor& condition, const TensorOrNumber& other) {
  return where(condition, TensorOrNumber{x, {}}, other);
}

}  // namespace steep::ops
