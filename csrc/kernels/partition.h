// How a routine's work is cut into pieces and shared between ranks.
//
// The cuts that decide the order of a sum (kChunk, kRowChunk) depend on nothing but the shape; the
// cuts that decide who does the work (share) may depend on the number of threads, because they
// never change what is added to what.
#pragma once

#include <cstdint>

namespace steep::kernels {
namespace {

// A contiguous reduction is cut into chunks of this many elements, whose partial results are
// combined pairwise. It is small enough that a chunk and a buffer of its mapped values lie in the
// first-level cache.
constexpr int64_t kChunk = 1024;

// A reduction over rows adds this many rows in order; the partial rows are combined pairwise.
constexpr int64_t kRowChunk = 128;

// A row that several threads may share is cut into pieces of this many elements.
constexpr int64_t kRowPiece = 16 * kChunk;

// The narrowest strip of columns worth giving to a thread of its own.
constexpr int64_t kStrip = 64;

struct Range {
  int64_t begin, end;
};

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The part of [0, count) that belongs to `rank`, cut at multiples of `grain`.
constexpr Range share(int64_t count, int64_t grain, int rank, int size) {
  const int64_t units = ceil_div(count, grain);
  const int64_t begin = units * rank / size * grain;
  const int64_t end = units * (rank + 1) / size * grain;
  return {begin < count ? begin : count, end < count ? end : count};
}

// Whether a reduction with `results` independent results, each made of `chunks`, has too few
// results to keep the threads busy: then they share the chunks, and the partial results are
// combined in scratch.
constexpr bool shares_chunks(int64_t results, int64_t chunks, int threads) {
  return threads > 1 && chunks > 1 && results < 4 * static_cast<int64_t>(threads);
}

// The bytes of each row that a reduction over rows keeps on the stack at every level of its tree.
constexpr int64_t kTileBytes = 2048;

// The most bytes of each row that a reduction over rows takes along, so that its partial row stays
// in the cache.
constexpr int64_t kStripBytes = 16384;

// Whether a reduction over rows writes the partial row of each chunk to scratch: where threads
// share the chunks, and where a row is so wide that whole rows, rather than strips of them, should
// be read in the order of memory.
constexpr bool keeps_partial_rows(int64_t outer, int64_t n, int64_t inner, int element_size,
                                  int threads) {
  const int64_t chunks = ceil_div(n, kRowChunk);
  return shares_chunks(outer * ceil_div(inner, kStrip), chunks, threads) ||
         (chunks > 1 && inner * element_size > kTileBytes);
}

}  // namespace
}  // namespace steep::kernels
