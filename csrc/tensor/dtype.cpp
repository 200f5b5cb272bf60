#include "tensor/dtype.h"

#include <cmath>
#include <limits>

namespace steep {

namespace {
DType g_default_dtype = DType::float32;
}  // namespace

const char* name(DType dtype) {
  static constexpr const char* kNames[] = {"float32", "float64", "int64", "int32", "uint8", "bool"};
  return kNames[static_cast<int>(dtype)];
}

DType default_dtype() { return g_default_dtype; }
void set_default_dtype(DType dtype) { g_default_dtype = dtype; }

int64_t Number::to_int() const {
  if (!is_floating()) return integer_;
  if (std::isnan(floating_)) return 0;
  if (floating_ >= 9223372036854775808.0) return std::numeric_limits<int64_t>::max();
  if (floating_ < -9223372036854775808.0) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(floating_);
}

DType Number::dtype() const {
  if (kind_ == Kind::boolean) return DType::boolean;
  return kind_ == Kind::integer ? DType::int64 : default_dtype();
}

kernels::Scalar Number::as_scalar(DType compute) const {
  kernels::Scalar scalar;
  if (steep::is_floating(compute)) {
    scalar.f = to_double();
  } else {
    scalar.i = compute == DType::boolean ? to_bool() : to_int();
  }
  return scalar;
}

namespace {
int place_in_chain(DType dtype) {
  static constexpr int kPlace[] = {4, 5, 3, 2, 1, 0};
  return kPlace[static_cast<int>(dtype)];
}
}  // namespace

DType promote(DType a, DType b) { return place_in_chain(a) >= place_in_chain(b) ? a : b; }

void Promotion::merge(int& slot, DType dtype) {
  slot = static_cast<int>(slot == kNone ? dtype : promote(static_cast<DType>(slot), dtype));
}

int Promotion::combine(int higher, int lower) {
  if (higher == kNone) return lower;
  if (lower == kNone) return higher;
  const DType high = static_cast<DType>(higher), low = static_cast<DType>(lower);
  if (is_floating(high)) return higher;
  if (high == DType::boolean || is_floating(low)) return static_cast<int>(promote(high, low));
  return higher;
}

DType Promotion::result() const {
  return static_cast<DType>(combine(combine(dimensioned_, zero_dim_), number_));
}

}  // namespace steep
