#include "bindings/tensor/widen.h"

#include <cmath>
#include <cstring>

namespace steep::bindings {

namespace {

// A 16-bit float: 1 sign, 5 exponent, 10 fraction bits. All of them are numbers of float32.
float half_to_float(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const float sign = half >> 15 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp(static_cast<float>(fraction + 1024), exponent - 25)
                          : std::ldexp(static_cast<float>(fraction), -24));
}

template <class From, class To, class Convert>
void widen(const Tensor& out, const char* packed, Convert convert) {
  To* to = out.data<To>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    From number;
    std::memcpy(&number, packed + i * static_cast<int64_t>(sizeof(From)), sizeof(From));
    to[i] = static_cast<To>(convert(number));
  }
}

}  // namespace

bool read_element(char letter, Py_ssize_t size, Element& element) {
  constexpr struct {
    char letter;
    DType dtype;
    int widened;  // bytes; 0 where nothing is
  } kKnown[] = {{'f', DType::float32, 0}, {'d', DType::float64, 0}, {'?', DType::boolean, 0},
                {'B', DType::uint8, 0},   {'b', DType::int32, 1},   {'h', DType::int32, 2},
                {'H', DType::int32, 2},   {'e', DType::float32, 2}};
  for (const auto& known : kKnown) {
    if (letter != known.letter) continue;
    element = {known.dtype, known.widened ? letter : '\0'};
    return size == (known.widened ? known.widened : element_size(known.dtype));
  }
  if (letter != 'i' && letter != 'l' && letter != 'q') return false;
  element = {size == 8 ? DType::int64 : DType::int32, '\0'};
  return size == element_size(element.dtype);
}

void widen_into(const Tensor& out, const char* packed, char letter) {
  const auto same = [](auto number) { return number; };
  switch (letter) {
    case 'b':
      return widen<int8_t, int32_t>(out, packed, same);
    case 'h':
      return widen<int16_t, int32_t>(out, packed, same);
    case 'H':
      return widen<uint16_t, int32_t>(out, packed, same);
    default:
      return widen<uint16_t, float>(out, packed, half_to_float);
  }
}

}  // namespace steep::bindings
