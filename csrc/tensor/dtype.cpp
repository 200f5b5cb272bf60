#include "tensor/dtype.h"

#include <cmath>
#include <limits>

#include "tensor/error.h"

namespace steep {

namespace {
DType g_default_dtype = DType::float32;
}  // namespace

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

double largest(DType dtype) {
  return visit(dtype, [](auto type) {
    return static_cast<double>(std::numeric_limits<ElementOf<decltype(type)>>::max());
  });
}

double epsilon(DType dtype) {
  return visit(dtype, [](auto type) {
    return static_cast<double>(std::numeric_limits<ElementOf<decltype(type)>>::epsilon());
  });
}

namespace {
// Whether a number with a fraction lies in the range of an integer type.
template <class T>
bool lies_in(double value) {
  using Limits = std::numeric_limits<T>;
  const double least = static_cast<double>(Limits::min()),
               most = static_cast<double>(Limits::max());
  // The most of int64 is no double: the next one is its first that does not fit.
  constexpr bool exact = Limits::digits <= std::numeric_limits<double>::digits;
  return value >= least && (exact ? value <= most : value < most);
}
}  // namespace

bool Number::fits(DType dtype) const {
  return visit(dtype, [this](auto type) {
    if constexpr (type.is_floating) {
      return !is_floating() || !std::isfinite(floating_) ||
             std::fabs(floating_) <= largest(type.dtype);
    } else if constexpr (type.is_integer) {
      return is_floating() ? lies_in<ElementOf<decltype(type)>>(floating_)
                           : integer_ >= type.least && integer_ <= type.most;
    } else {
      return true;
    }
  });
}

std::string to_string(const Number& number) {
  return number.is_floating() ? join(number.to_double()) : join(number.to_int());
}

Number Number::as_element(DType dtype) const {
  switch (kind_of(dtype)) {
    case Kind::boolean:
      return to_bool();
    case Kind::integer:
      return to_int();
    case Kind::floating:
      break;
  }
  return *this;
}

Number Number::wrapped(DType dtype) const {
  if (is_floating()) return *this;
  return visit(dtype, [this](auto type) -> Number {
    if constexpr (!type.is_integer)
      return *this;
    else
      return static_cast<int64_t>(static_cast<ElementOf<decltype(type)>>(integer_));
  });
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
    scalar.i = as_element(compute).to_int();
  }
  return scalar;
}

Promotion::MaybeDType Promotion::combine(MaybeDType higher, MaybeDType lower) {
  if (!higher) return lower;
  if (!lower) return higher;
  return kind_of(*lower) > kind_of(*higher) ? promote(*higher, *lower) : *higher;
}

DType Promotion::result() const {
  return combine(combine(dimensioned_, zero_dim_), number_).value_or(default_dtype());
}

}  // namespace steep
