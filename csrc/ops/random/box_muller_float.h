// Two uniform numbers become two normal ones in float, with every rounding of torch's AVX2 code.
//
// That code takes logarithm, sine and cosine from Cephes (S. L. Moshier's logf and sinf): the
// coefficients and the order of the operations here are theirs, and the results have been found
// equal bit for bit. A fused product and sum is done in double and rounded; the double product of
// two floats is exact, so this differs from the one rounding of FMA in about one of 10^9 cases, and
// it is the same on every machine, with FMA or without.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace steep::ops::box_muller {

inline uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline float from_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline float fused(float x, float y, float z) {
  return static_cast<float>(static_cast<double>(x) * y + z);
}

// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); log(1 + f) = f - f^2/2 + f^3 P(f).
inline float log(float x) {
  constexpr uint32_t kMantissa = 0x007fffff, kHalf = 0x3f000000;
  constexpr float kRootHalf = 0.707106781186547524f;
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  const uint32_t bits = bits_of(x);
  const float m = from_bits((bits & kMantissa) | kHalf);
  const uint32_t below = -static_cast<uint32_t>(m < kRootHalf);
  const float e = static_cast<float>(static_cast<int32_t>((bits >> 23) - 126 + below));
  const float f = (m - 1) + from_bits(bits_of(m) & below);
  const float z = f * f;
  float p = 7.0376836292e-2f;
  p = fused(p, f, -1.1514610310e-1f);
  p = fused(p, f, 1.1676998740e-1f);
  p = fused(p, f, -1.2420140846e-1f);
  p = fused(p, f, 1.4249322787e-1f);
  p = fused(p, f, -1.6668057665e-1f);
  p = fused(p, f, 2.0000714765e-1f);
  p = fused(p, f, -2.4999993993e-1f);
  p = fused(p, f, 3.3333331174e-1f);
  p = fused(p * f, z, e * kLn2Low);
  return fused(e, kLn2High, f + fused(z, -0.5f, p));
}

struct DirectionFloat {
  float sin;
  float cos;
};

// x = j pi/4 + r for the even j nearest to it, pi/4 in three parts.
inline DirectionFloat direction(float x) {
  constexpr float kPart1 = -0.78515625f, kPart2 = -2.4187564849853515625e-4f;
  constexpr float kPart3 = -3.77489497744594108e-8f;
  const int32_t octant = (static_cast<int32_t>(x * 1.27323954473516f) + 1) & ~1;
  const float j = static_cast<float>(octant);
  const float r = fused(j, kPart3, fused(j, kPart2, fused(j, kPart1, x)));
  const float z = r * r;

  float even = fused(2.443315711809948e-5f, z, -1.388731625493765e-3f);
  even = fused(even, z, 4.166664568298827e-2f);
  const float cos = fused(even * z, z, -0.5f * z) + 1;

  float odd = fused(-1.9515295891e-4f, z, 8.3321608736e-3f);
  odd = fused(odd, z, -1.6666654611e-1f);
  const float sin = fused(odd * z, r, r);

  const uint32_t quadrant = static_cast<uint32_t>(octant) >> 1;
  const uint32_t swap = -(quadrant & 1);
  const uint32_t sine = (bits_of(sin) & ~swap) | (bits_of(cos) & swap);
  const uint32_t cosine = (bits_of(cos) & ~swap) | (bits_of(sin) & swap);
  return {from_bits(sine ^ (quadrant & 2) << 30), from_bits(cosine ^ ((quadrant + 1) & 2) << 30)};
}

struct NormalsFloat {
  float first;
  float second;
};

inline NormalsFloat normals(float u, float angle) {
  const float length = std::sqrt(-2 * log(u));
  const DirectionFloat unit = direction(angle);
  return {length * unit.cos, length * unit.sin};
}

}  // namespace steep::ops::box_muller
