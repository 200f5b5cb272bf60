// Block sizes: whole cache lines up to 256 bytes, then four to each power of two (320, 384, 448,
// 512, 640, ...). A block is at most a fifth larger than what was asked for.
#pragma once

#include <cstddef>

namespace steep::runtime {

constexpr int kSizeClasses = 168;  // the last one holds 2^49 bytes

constexpr int size_class(std::size_t bytes) {
  if (bytes <= 256) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / 64);
  const int power = 63 - __builtin_clzll(bytes - 1);
  return 4 * (power - 8) + static_cast<int>((bytes - 1) >> (power - 2));
}

constexpr std::size_t class_bytes(int index) {
  if (index < 4) return 64 * static_cast<std::size_t>(index + 1);
  return static_cast<std::size_t>(index % 4 + 5) << (index / 4 + 5);
}

static_assert(class_bytes(size_class(1)) == 64 && class_bytes(size_class(257)) == 320);
static_assert(class_bytes(size_class(512)) == 512 && class_bytes(size_class(513)) == 640);
static_assert(class_bytes(size_class(65536)) == 65536 && size_class(65537) == 36);

}  // namespace steep::runtime
