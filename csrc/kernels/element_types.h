// The C++ types of elements: the one list of them. tensor/element.h adds what is known of each.
#pragma once

#include <cstdint>

namespace steep::kernels {

// Where T stands in a list of types. A type that is not listed does not compile.
template <class T, class... Types>
struct IndexIn;
template <class T, class... Rest>
struct IndexIn<T, T, Rest...> {
  static constexpr int value = 0;
};
template <class T, class First, class... Rest>
struct IndexIn<T, First, Rest...> {
  static constexpr int value = 1 + IndexIn<T, Rest...>::value;
};

template <class... T>
struct TypeList {
  static constexpr int count = sizeof...(T);
  template <class Wanted>
  static constexpr int index = IndexIn<Wanted, T...>::value;
};

// In the order of promotion: two types are promoted to the one that comes later. A bool is stored
// as a byte, and bool stands for it here.
using ElementTypes = TypeList<bool, uint8_t, int32_t, int64_t, float, double>;

// Where functions for an element type stand in a PerType.
template <class T>
constexpr int kTypeIndex = ElementTypes::index<T>;

}  // namespace steep::kernels
