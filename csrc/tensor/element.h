// The element types: what is known of each of kernels::ElementTypes, and visit(), which leads from
// a DType to the C++ type. What depends on the type is written elsewhere as a function of Type<T>,
// so that a new type works everywhere, or the compiler says where it does not.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/element_types.h"

namespace steep {

// The order means nothing.
enum class DType : uint8_t { float32, float64, int64, int32, uint8, boolean };

// Of Python's numbers and of element types; each holds those before it.
enum class NumberKind : uint8_t { boolean, integer, floating };

// What follows from an element's C++ type.
template <class T, DType Code, NumberKind Kind>
struct ElementType {
  using Element = T;
  constexpr operator DType() const { return Code; }
  static constexpr DType dtype = Code;
  static constexpr NumberKind kind = Kind;
  static constexpr bool is_floating = kind == NumberKind::floating;
  static constexpr bool is_integer = kind == NumberKind::integer;
  static constexpr bool is_signed = std::numeric_limits<T>::is_signed;
  static constexpr int64_t size = sizeof(T);
  // The range of an integer type or bool, and of int64 for floating types.
  using Whole = std::conditional_t<is_floating, int64_t, T>;
  static constexpr int64_t least = std::numeric_limits<Whole>::min();
  static constexpr int64_t most = std::numeric_limits<Whole>::max();
  // Whether sums, products and ranges are computed in the type itself: in int64 where not.
  static constexpr bool counts = is_floating || (is_integer && size >= 4);

  // A bool's byte may come from elsewhere and be neither 0 nor 1: it is read as a byte.
  static T load(const void* at) {
    std::conditional_t<std::is_same_v<T, bool>, uint8_t, T> value;
    std::memcpy(&value, at, sizeof value);
    return static_cast<T>(value);
  }
  static void store(void* at, T value) { std::memcpy(at, &value, sizeof value); }
};

// What does not follow from it: its name, and its letter in Python's struct module and buffers.
template <class T>
struct Type;
template <>
struct Type<float> : ElementType<float, DType::float32, NumberKind::floating> {
  static constexpr const char* name = "float32";
  static constexpr const char* format = "f";
};
template <>
struct Type<double> : ElementType<double, DType::float64, NumberKind::floating> {
  static constexpr const char* name = "float64";
  static constexpr const char* format = "d";
};
template <>
struct Type<int64_t> : ElementType<int64_t, DType::int64, NumberKind::integer> {
  static constexpr const char* name = "int64";
  static constexpr const char* format = sizeof(long) == 8 ? "l" : "q";
};
template <>
struct Type<int32_t> : ElementType<int32_t, DType::int32, NumberKind::integer> {
  static constexpr const char* name = "int32";
  static constexpr const char* format = "i";
};
template <>
struct Type<uint8_t> : ElementType<uint8_t, DType::uint8, NumberKind::integer> {
  static constexpr const char* name = "uint8";
  static constexpr const char* format = "B";
};
template <>
struct Type<bool> : ElementType<bool, DType::boolean, NumberKind::boolean> {
  static_assert(sizeof(bool) == 1, "a bool is a byte");
  static constexpr const char* name = "bool";
  static constexpr const char* format = "?";
};

template <class Described>
using ElementOf = typename Described::Element;

// Calls f with the type: visit(dtype, [](auto type) { return type.size; }).
template <class F>
constexpr decltype(auto) visit(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f(Type<float>{});
    case DType::float64:
      return f(Type<double>{});
    case DType::int64:
      return f(Type<int64_t>{});
    case DType::int32:
      return f(Type<int32_t>{});
    case DType::uint8:
      return f(Type<uint8_t>{});
    case DType::boolean:
      return f(Type<bool>{});
  }
  __builtin_unreachable();
}

namespace element {

template <class F, class... T>
constexpr void for_each(kernels::TypeList<T...>, F&& f) {
  (f(Type<T>{}), ...);
}

}  // namespace element

// All types, in the order of promotion.
template <class F>
constexpr void for_each_type(F&& f) {
  element::for_each(kernels::ElementTypes{}, f);
}

template <class F>
constexpr void for_each_floating_type(F&& f) {
  for_each_type([&](auto type) {
    if constexpr (decltype(type)::is_floating) f(type);
  });
}

// A number below 32 that stands for the type in keys; its value has no meaning.
constexpr int code_of(DType dtype) { return static_cast<int>(dtype); }

// One value for each type.
template <class Value>
class ByType {
 public:
  constexpr const Value& operator[](DType dtype) const { return values_[code_of(dtype)]; }
  constexpr Value& operator[](DType dtype) { return values_[code_of(dtype)]; }

 private:
  Value values_[kernels::ElementTypes::count] = {};
};

// f(type) for each type.
template <class F>
constexpr auto by_type(F f) {
  ByType<decltype(f(Type<float>{}))> out;
  for_each_type([&](auto type) { out[type] = f(type); });
  return out;
}

// f(type) for each floating type. Only those may be asked for.
template <class F>
constexpr auto by_floating_type(F f) {
  ByType<decltype(f(Type<float>{}))> out;
  for_each_floating_type([&](auto type) { out[type] = f(type); });
  return out;
}

namespace element {

constexpr bool are_all_listed() {
  uint32_t found = 0;
  for_each_type([&](auto type) { found |= uint32_t{1} << code_of(type); });
  constexpr int kCount = kernels::ElementTypes::count;
  return kCount <= 32 && found == (uint64_t{1} << kCount) - 1;
}
static_assert(are_all_listed(), "each DType is listed once, and its code fits in a key");

inline constexpr auto kIndices =
    by_type([](auto type) { return kernels::kTypeIndex<ElementOf<decltype(type)>>; });
inline constexpr auto kSizes = by_type([](auto type) { return type.size; });

}  // namespace element

// Where kernels keep their functions for elements of the dtype; higher for a type that holds more.
constexpr int type_index(DType dtype) { return element::kIndices[dtype]; }
constexpr int64_t element_size(DType dtype) { return element::kSizes[dtype]; }
constexpr const char* name(DType dtype) {  // "float32", ..., "bool"
  return visit(dtype, [](auto type) { return type.name; });
}
constexpr const char* format_of(DType dtype) {  // in Python's struct module and buffers
  return visit(dtype, [](auto type) { return type.format; });
}
constexpr NumberKind kind_of(DType dtype) {
  return visit(dtype, [](auto type) { return type.kind; });
}
constexpr bool is_floating(DType dtype) {
  return visit(dtype, [](auto type) { return type.is_floating; });
}
constexpr bool is_integer(DType dtype) {
  return visit(dtype, [](auto type) { return type.is_integer; });
}
constexpr int64_t least(DType dtype) {
  return visit(dtype, [](auto type) { return type.least; });
}
constexpr int64_t most(DType dtype) {
  return visit(dtype, [](auto type) { return type.most; });
}

// The largest finite number of a floating type, and the distance from 1 to the next number.
double largest(DType dtype);
double epsilon(DType dtype);

// The smallest type both convert to.
constexpr DType promote(DType a, DType b) { return type_index(a) >= type_index(b) ? a : b; }

// What numbers of the type are added up or counted in: int64 for bools and small integers.
constexpr DType counted_in(DType dtype) {
  return visit(dtype, [](auto type) { return type.counts ? type.dtype : DType::int64; });
}

}  // namespace steep
