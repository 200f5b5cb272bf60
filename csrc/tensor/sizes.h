// Arithmetic of sizes, strides and offsets, which Python gives as any 64-bit numbers. What wraps
// around would be a view of someone else's memory: it is refused.
#pragma once

#include <cstdint>

namespace steep {

// Throws the RuntimeError for a result that 64 bits cannot hold.
[[noreturn]] void refuse_overflow(const char* operation, int64_t a, int64_t b);

inline int64_t checked_add(int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) refuse_overflow("+", a, b);
  return sum;
}

inline int64_t checked_multiply(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) refuse_overflow("*", a, b);
  return product;
}

}  // namespace steep
