// Products of 32-bit numbers, 64 bits wide: one instruction everywhere, for which the vector
// extension has no spelling.
#pragma once

#include <cstdint>

#include "kernels/simd/lanes.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace steep::kernels {
namespace {

// A vector of the CPU's own width whose lanes are read as 32 bits, the upper halves being anything.
typedef uint64_t WideVector __attribute__((vector_size(kVectorBytes)));
typedef int64_t WideMask __attribute__((vector_size(kVectorBytes)));
constexpr int kWideLanes = kVectorBytes / 8;

// The product of the lower halves of each lane.
inline WideVector multiply_lower(WideVector a, WideVector b) {
#if defined(__AVX512F__)
  return (WideVector)_mm512_maskz_mul_epu32(0xFF, (__m512i)a,
                                            (__m512i)b);  // plain: a false warning
#elif defined(__AVX2__)
  return (WideVector)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (WideVector)_mm_mul_epu32((__m128i)a, (__m128i)b);
#elif defined(__aarch64__)
  return (WideVector)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#else
  return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

}  // namespace
}  // namespace steep::kernels
