#include "bindings/tensor/widen.h"

#include <cmath>
#include <cstring>

namespace steep::bindings {

namespace {

// A 16-bit float: 1 sign, 5 exponent and 10 fraction bits. float32 holds every one exactly.
float half_to_float(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const float sign = half >> 15 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp(static_cast<float>(fraction + 1024), exponent - 25)
                          : std::ldexp(static_cast<float>(fraction), -24));
}

template <class From, class To, To (*convert)(From)>
void widen(const Tensor& out, const char* packed) {
  To* to = out.data<To>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    From number;
    std::memcpy(&number, packed + i * static_cast<int64_t>(sizeof(From)), sizeof(From));
    to[i] = convert(number);
  }
}

template <class From>
int32_t to_int32(From number) {
  return number;
}

// Element types that no dtype holds, and what they are converted to.
constexpr struct {
  char letter;
  Py_ssize_t size;
  DType dtype;
  void (*into)(const Tensor& out, const char* packed);
} kWidened[] = {{'b', 1, DType::int32, widen<int8_t, int32_t, to_int32>},
                {'h', 2, DType::int32, widen<int16_t, int32_t, to_int32>},
                {'H', 2, DType::int32, widen<uint16_t, int32_t, to_int32>},
                {'e', 2, DType::float32, widen<uint16_t, float, half_to_float>}};

// Whether a type holds elements of that letter unchanged. C integer types are told apart by size.
template <class Described>
bool holds(Described type, char letter, Py_ssize_t size) {
  if (size != type.size) return false;
  if (letter == 'i' || letter == 'l' || letter == 'q') return type.is_integer && type.is_signed;
  return letter == *type.format;
}

}  // namespace

bool read_element(char letter, Py_ssize_t size, Element& element) {
  bool found = false;
  for_each_type([&](auto type) {
    if (found || !holds(type, letter, size)) return;
    element = {type, '\0'};
    found = true;
  });
  for (const auto& widened : kWidened) {
    if (letter != widened.letter || size != widened.size) continue;
    element = {widened.dtype, letter};
    found = true;
  }
  return found;
}

void widen_into(const Tensor& out, const char* packed, char letter) {
  for (const auto& widened : kWidened)
    if (letter == widened.letter) widened.into(out, packed);
}

}  // namespace steep::bindings
