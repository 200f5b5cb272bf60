// Results larger than the caches, written past them.
//
// An ordinary store reads its line of memory before it writes it: a result that is not in the cache
// costs its bytes twice. Streaming stores do without the reading, and leave in the caches what they
// hold. They pay where the result would have left the caches before anyone reads it.
#pragma once

#include <cstdint>

#include "kernels/simd/simd.h"
#include "kernels/simd/vec_core.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace steep::kernels {
namespace {

constexpr int64_t kLine = 64;

#if defined(__SSE2__)
// From so many bytes in one thread's share on, a result is streamed: a few of them, with as many
// inputs, leave nothing of each other in a cache of tens of megabytes.
constexpr int64_t kStreamedBytes = int64_t{16} << 20;

// Writes a whole line; both are aligned to one.
STEEP_INLINE void stream_line(void* to, const void* from) {
#if defined(__AVX2__)
  for (int i = 0; i < 2; ++i)
    _mm256_stream_si256(static_cast<__m256i*>(to) + i,
                        _mm256_load_si256(static_cast<const __m256i*>(from) + i));
#else
  for (int i = 0; i < 4; ++i)
    _mm_stream_si128(static_cast<__m128i*>(to) + i,
                     _mm_load_si128(static_cast<const __m128i*>(from) + i));
#endif
}

// What the thread stores from here on is not seen before what it has streamed.
STEEP_INLINE void end_streaming() { _mm_sfence(); }
#else
constexpr int64_t kStreamedBytes = INT64_MAX;
STEEP_INLINE void stream_line(void* to, const void* from) { memcpy(to, from, kLine); }
STEEP_INLINE void end_streaming() {}
#endif

// Whether the result, data[0], is large, begins with a line, and is not one of the inputs, whose
// lines are in the cache when they are written.
template <int kInputs>
STEEP_INLINE bool may_stream(void* const* data, int64_t bytes) {
  if (bytes < kStreamedBytes || reinterpret_cast<intptr_t>(data[0]) % kLine != 0) return false;
  for (int i = 1; i <= kInputs; ++i)
    if (data[i] == data[0]) return false;
  return true;
}

// Whether a kernel that goes through `arrays` of n elements once, its result among them, streams it:
// the caches that all threads share have lost the beginning when the end is written.
constexpr int64_t kStreamedOperands = int64_t{24} << 20;

template <class T>
constexpr bool streams_result(int64_t arrays, int64_t n) {
  return kStreamedBytes < INT64_MAX &&
         arrays * n * static_cast<int64_t>(sizeof(T)) >= kStreamedOperands;
}

// Writes element(j), j < n, past the caches where `streamed` says so.
template <class T, class Element>
STEEP_INLINE void write_elements(T* to, int64_t n, bool streamed, const Element& element) {
  int64_t j = 0;
  if (streamed) {
    constexpr int64_t kLanes = kLine / static_cast<int64_t>(sizeof(T));
    for (; j < n && reinterpret_cast<intptr_t>(to + j) % kLine != 0; ++j) to[j] = element(j);
    for (; j + kLanes <= n; j += kLanes) {
      alignas(kLine) T line[kLanes];
#pragma omp simd
      for (int64_t i = 0; i < kLanes; ++i) line[i] = element(j + i);
      stream_line(to + j, line);
    }
  }
#pragma omp simd
  for (int64_t i = j; i < n; ++i) to[i] = element(i);
}

}  // namespace
}  // namespace steep::kernels
