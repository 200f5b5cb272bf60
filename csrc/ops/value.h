// What passes between the registry's entries and whoever calls them: one argument or result, in the
// engine's own terms.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "tensor/tensor.h"

namespace steep {
class Generator;
}

namespace steep::ops {

// One item of a subscript: x[3, 1:5, ..., None, index, mask].
struct IndexItem {
  enum class Kind : uint8_t { integer, slice, new_axis, ellipsis, tensor };
  Kind kind = Kind::integer;
  int64_t start = 0;  // the integer, or the slice's
  int64_t stop = 0, step = 1;
  bool has_start = false, has_stop = false;
  Tensor tensor;  // int64, int32 or uint8 indices, or a bool mask
};
using Index = SmallVector<IndexItem, 4>;

// A tensor or a Python number, where an operation takes either.
struct TensorOrNumber {
  Tensor tensor;
  Number number;
  bool is_tensor() const { return tensor.defined(); }
};

struct AnyValue {
  enum class Kind : uint8_t {
    none,
    boolean,
    integer,
    floating,
    tensor,
    tensors,
    dims,
    dtype,
    text,
    generator
  };
  Kind kind = Kind::none;
  DType dtype = DType::float32;
  Number number;  // boolean, integer, floating
  Tensor tensor;
  std::unique_ptr<Tensors> tensors;
  Dims dims;
  std::unique_ptr<std::string> text;
  Generator* generator = nullptr;  // whoever passes it keeps it alive

  // Holds a tensor, or nothing where it is undefined. A result is nearly always one: taken this way
  // it costs a call no second value that is made, moved and destroyed.
  void take(Tensor value) {
    kind = value.defined() ? Kind::tensor : Kind::none;
    tensor = std::move(value);
  }

  void take(std::string value) {
    kind = Kind::text;
    text = std::make_unique<std::string>(std::move(value));
  }

  static AnyValue of(AnyValue value) { return value; }
  static AnyValue of(const Tensor& tensor) {
    AnyValue value;
    value.take(tensor);
    return value;
  }
  static AnyValue of(const Number& number) {
    AnyValue value;
    value.kind = number.kind() == Number::Kind::boolean   ? Kind::boolean
                 : number.kind() == Number::Kind::integer ? Kind::integer
                                                          : Kind::floating;
    value.number = number;
    return value;
  }
  static AnyValue of(Tensors many) {
    AnyValue value;
    value.kind = Kind::tensors;
    value.tensors = std::make_unique<Tensors>(std::move(many));
    return value;
  }
  static AnyValue of(const Dims& dims) {
    AnyValue value;
    value.kind = Kind::dims;
    value.dims = dims;
    return value;
  }
  static AnyValue of(DType dtype) {
    AnyValue value;
    value.kind = Kind::dtype;
    value.dtype = dtype;
    return value;
  }
};

inline const std::string kNoText;

// Reads an AnyValue as the type of a C++ parameter. The binding has checked kinds against the
// signature's annotations.
template <class T>
struct Read;
template <>
struct Read<Tensor> {
  static const Tensor& from(const AnyValue& value) { return value.tensor; }
};
template <>
struct Read<Tensors> {
  static const Tensors& from(const AnyValue& value) { return *value.tensors; }
};
template <>
struct Read<TensorOrNumber> {
  static TensorOrNumber from(const AnyValue& value) { return {value.tensor, value.number}; }
};
template <>
struct Read<Number> {
  static Number from(const AnyValue& value) { return value.number; }
};
template <>
struct Read<int64_t> {
  static int64_t from(const AnyValue& value) { return value.number.to_int(); }
};
template <>
struct Read<double> {
  static double from(const AnyValue& value) { return value.number.to_double(); }
};
template <>
struct Read<bool> {
  static bool from(const AnyValue& value) { return value.number.to_bool(); }
};
template <>
struct Read<Dims> {
  static const Dims& from(const AnyValue& value) { return value.dims; }
};
template <>
struct Read<DType> {
  static DType from(const AnyValue& value) { return value.dtype; }
};
template <>
struct Read<std::string> {
  static const std::string& from(const AnyValue& value) {
    return value.text ? *value.text : kNoText;  // None
  }
};
template <>
struct Read<Generator*> {
  static Generator* from(const AnyValue& value) {
    return value.generator;
  }  // null: the default one
};
template <class T>
struct Read<std::optional<T>> {
  static std::optional<T> from(const AnyValue& value) {
    if (value.kind == AnyValue::Kind::none) return std::nullopt;
    return Read<T>::from(value);
  }
};

}  // namespace steep::ops
