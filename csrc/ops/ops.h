// The differentiable operations that C++ itself calls, in gradient rules and bindings. Each is
// defined in its family's folder; the others need no declaration, or one in their family's header.
#pragma once

#include "ops/value.h"

namespace steep::ops {

// elementwise/
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor sign(const Tensor& x);
Tensor square(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor relu(const Tensor& x);
Tensor leaky_relu(const Tensor& x, double negative_slope, bool inplace);
Tensor elu(const Tensor& x, double alpha, bool inplace);
Tensor add(const TensorOrNumber& x, const TensorOrNumber& other, const Number& alpha);
Tensor sub(const TensorOrNumber& x, const TensorOrNumber& other, const Number& alpha);
Tensor mul(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor div(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor pow(const TensorOrNumber& x, const TensorOrNumber& exponent);
Tensor floor_divide(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor remainder(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor fmod(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);
Tensor trunc(const Tensor& x);
Tensor add_(const Tensor& x, const TensorOrNumber& other, const Number& alpha);
Tensor sub_(const Tensor& x, const TensorOrNumber& other, const Number& alpha);
Tensor mul_(const Tensor& x, const TensorOrNumber& other);
Tensor div_(const Tensor& x, const TensorOrNumber& other);
Tensor maximum(const Tensor& x, const Tensor& other);
Tensor minimum(const Tensor& x, const Tensor& other);
Tensor eq(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor ne(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor lt(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor le(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor gt(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor ge(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor bitwise_and(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor bitwise_or(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor bitwise_xor(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor bitwise_left_shift(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor bitwise_right_shift(const TensorOrNumber& x, const TensorOrNumber& other);
Tensor bitwise_not(const Tensor& x);
Tensor logical_not(const Tensor& x);
Tensor where(const Tensor& condition, const TensorOrNumber& x, const TensorOrNumber& other);

inline Tensor add(const Tensor& x, const Tensor& other) { return add({x, {}}, {other, {}}, 1); }
inline Tensor sub(const Tensor& x, const Tensor& other) { return sub({x, {}}, {other, {}}, 1); }
inline Tensor mul(const Tensor& x, const Tensor& other) {
  return mul(TensorOrNumber{x, {}}, TensorOrNumber{other, {}});
}
inline Tensor mul(const Tensor& x, const Number& other) {
  return mul(TensorOrNumber{x, {}}, TensorOrNumber{{}, other});
}
inline Tensor div(const Tensor& x, const Tensor& other) {
  return div(TensorOrNumber{x, {}}, TensorOrNumber{other, {}});
}
inline Tensor div(const Tensor& x, const Number& other) {
  return div(TensorOrNumber{x, {}}, TensorOrNumber{{}, other});
}
inline Tensor add(const Tensor& x, const Number& other) { return add({x, {}}, {{}, other}, 1); }
inline Tensor where(const Tensor& condition, const Tensor& x, const Number& other) {
  return where(condition, TensorOrNumber{x, {}}, TensorOrNumber{{}, other});
}

// create/create.cpp
Tensor to(const Tensor& x, DType dtype);  // x itself where it has that dtype
Tensor clone(const Tensor& x);
Tensor contiguous(const Tensor& x);  // x itself where it is contiguous
Tensor full(const Dims& size, const Number& value, std::optional<DType> dtype);
Tensor zeros(const Dims& size, std::optional<DType> dtype);

// elementwise/inplace.cpp: x takes the value (broadcast, cast); history and version follow.
Tensor assign(const char* op, const Tensor& x, const Tensor& value);

// shape/view.cpp
Tensor as_strided(const Tensor& x, const Dims& size, const Dims& stride,
                  std::optional<int64_t> storage_offset);
Tensor reshape(const Tensor& x, const Dims& shape);
Tensor view(const Tensor& x, const Dims& size);
Tensor expand(const Tensor& x, const Dims& size);
Tensor permute(const Tensor& x, const Dims& dims);
Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1);
Tensor t(const Tensor& x);
Tensor squeeze(const Tensor& x, std::optional<Dims> dim);
Tensor unsqueeze(const Tensor& x, int64_t dim);
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);
Tensor select(const Tensor& x, int64_t dim, int64_t index);
Tensor detach(const Tensor& x);

// reduce/reduce.cpp
Tensor sum(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype);
Tensor any(const Tensor& x, std::optional<Dims> dim, bool keepdim);
Tensor sum_to(const Tensor& x, const Dims& shape, DType dtype);

// shape/join.cpp
Tensor cat(const Tensors& tensors, int64_t dim);

// product/matmul.cpp
Tensor matmul(const Tensor& x, const Tensor& other);

// index/index.cpp: x[index], and x[index] = value
Tensor get_item(const Tensor& x, const Index& index);
void set_item(const Tensor& x, const Index& index, const TensorOrNumber& value);

// registry.cpp: item of a one-element tensor; refuses others
Number item(const Tensor& x);
// the same, of which a recording is not told
Number only_element(const Tensor& x);

}  // namespace steep::ops
