#include "tensor/dtype.h"

#include <cmath>
#include <limits>

#include "tensor/error.h"

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

int64_t least(DType dtype) {
  if (dtype == DType::int32) return std::numeric_limits<int32_t>::min();
  return dtype == DType::uint8 || dtype == DType::boolean ? 0 : std::numeric_limits<int64_t>::min();
}

int64_t most(DType dtype) {
  switch (dtype) {
    case DType::int32:
      return std::numeric_limits<int32_t>::max();
    case DType::uint8:
      return std::numeric_limits<uint8_t>::max();
    case DType::boolean:
      return 1;
    default:
      return std::numeric_limits<int64_t>::max();
  }
}

bool Number::fits(DType dtype) const {
  if (dtype == DType::boolean || dtype == DType::float64) return true;
  if (dtype == DType::float32)
    return !is_floating() || !std::isfinite(floating_) ||
           std::fabs(floating_) <= static_cast<double>(std::numeric_limits<float>::max());
  if (!is_floating()) return integer_ >= least(dtype) && integer_ <= most(dtype);
  // The most of int64 is no double: the next one is its first that does not fit.
  return floating_ >= static_cast<double>(least(dtype)) &&
         (dtype == DType::int64 ? floating_ < 9223372036854775808.0
                                : floating_ <= static_cast<double>(most(dtype)));
}

std::string to_string(const Number& number) {
  return number.is_floating() ? join(number.to_double()) : join(number.to_int());
}

Number Number::as_element(DType dtype) const {
  if (dtype == DType::boolean) return Number(to_bool());
  return steep::is_integer(dtype) ? Number(to_int()) : *this;
}

Number Number::wrapped(DType dtype) const {
  if (is_floating()) return *this;
  if (dtype == DType::int32) return Number(static_cast<int64_t>(static_cast<int32_t>(integer_)));
  if (dtype == DType::uint8) return Number(static_cast<int64_t>(static_cast<uint8_t>(integer_)));
  return *this;
}

kernels::Scalar Number::as_scalar(DType compute) const {
  kernels::Scalar scalar;
  if (steep::is_floating(compute)) {
    scalar.f = to_double();
  } else if (!fits(compute)) {
    throw Error(ErrorKind::runtime,
                join("value ", to_string(*this), " cannot be converted to type ", name(compute),
                     " without overflow; choose another dtype"));
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
