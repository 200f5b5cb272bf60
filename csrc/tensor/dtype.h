// Data types, Python numbers, and the one function that promotes them (PyTorch's rule).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "kernels/kernel.h"
#include "tensor/element.h"

namespace steep {

// What floating tensors are made as where nobody says: float32, or what set_default_dtype chose.
DType default_dtype();
void set_default_dtype(DType dtype);

// A Python number: remembers its kind, because promotion asks for it.
class Number {
 public:
  using Kind = NumberKind;
  Number() : Number(int64_t{0}) {}
  Number(bool value) : kind_(Kind::boolean) { integer_ = value; }
  Number(int value) : Number(static_cast<int64_t>(value)) {}
  Number(int64_t value) : kind_(Kind::integer) { integer_ = value; }
  Number(double value) : kind_(Kind::floating) { floating_ = value; }

  Kind kind() const { return kind_; }
  bool is_floating() const { return kind_ == Kind::floating; }
  double to_double() const { return is_floating() ? floating_ : static_cast<double>(integer_); }
  int64_t to_int() const;  // truncates; values outside int64 saturate, NaN is 0
  bool to_bool() const { return is_floating() ? floating_ != 0 : integer_ != 0; }
  DType dtype() const;  // bool, int64 or the default dtype
  // Whether it lies within the range of the dtype: digits that are rounded off, or a fraction that
  // an integer cuts off, do not matter, and every number fits a bool, as a truth.
  bool fits(DType dtype) const;
  // What an element of the dtype makes of it: a truth, a whole number, or the number itself. It
  // must fit.
  Number as_element(DType dtype) const;
  // A whole number in the range of an integer type, from which it differs by a multiple of that
  // range: what sums, products and bits of integers are computed with. The number itself for other
  // types.
  Number wrapped(DType dtype) const;
  // The number as the launch scalar of a compute type: floats read f, all others i. Refuses one
  // that does not fit an integer type; beyond the range of float32 it becomes infinite.
  kernels::Scalar as_scalar(DType compute) const;

 private:
  Kind kind_;
  union {
    double floating_;
    int64_t integer_;
  };
};

std::string to_string(const Number& number);

// The number that an element in memory is.
inline Number number_at(const void* at, DType dtype) {
  return visit(dtype, [at](auto type) -> Number {
    if constexpr (type.is_floating)
      return static_cast<double>(type.load(at));
    else if constexpr (type.is_integer)
      return static_cast<int64_t>(type.load(at));
    else
      return type.load(at);
  });
}

// Promotion over several operands: tensors with dimensions outrank 0-d tensors, which outrank
// numbers; a lower rank changes the result only by being of a higher kind (bool < integer <
// floating).
class Promotion {
 public:
  void add(DType dtype, int rank) { merge(rank > 0 ? dimensioned_ : zero_dim_, dtype); }
  void add(const Number& number) { merge(number_, number.dtype()); }
  DType result() const;

 private:
  using MaybeDType = std::optional<DType>;  // empty: no operand of that rank yet
  static void merge(MaybeDType& known, DType dtype) {
    known = known ? promote(*known, dtype) : dtype;
  }
  static MaybeDType combine(MaybeDType higher, MaybeDType lower);
  MaybeDType dimensioned_, zero_dim_, number_;
};

}  // namespace steep
