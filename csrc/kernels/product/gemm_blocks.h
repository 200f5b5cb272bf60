// How a matrix product is cut into blocks, and how much room each thread needs for its copies of
// them.
//
// Only kSlice shapes results: within a slice of k an element is one chain of FMAs, and slices are
// added in order. The other sizes are chosen for the caches, and partial sums are carried from
// block to block unchanged.
#pragma once

#include <cstdint>

#include "kernels/partition.h"

namespace steep::kernels {
namespace {

constexpr int64_t kSlice = 4096;
constexpr int64_t kBlockRows = 96;     // of A: with the depth, a fifth of a second-level cache
constexpr int64_t kBlockCols = 1024;   // of B: with the depth, a share of the third level
constexpr int64_t kCarefulRows = 768;  // of C, where partial sums cannot lie in C itself
constexpr int64_t kMaxTileCols = 64;

// The longest run of k that is packed at once: a strip of B just fits in the first-level cache, and
// partial sums are seldom read back (measured: 512 beats 256 and 384).
constexpr int64_t kBlockDepth = 512;

constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t round_up(int64_t a, int64_t unit) { return ceil_div(a, unit) * unit; }

// Whether ranks take whole units of the work rather than parts of each.
constexpr bool are_enough(int64_t units, int size) {
  return units % size == 0 || units >= 8 * size;
}

// One thread's room, in elements.
struct GemmRoom {
  int64_t a, b, partial, total;
  constexpr int64_t all() const { return round_up(a + b + partial + total, 64); }
};

constexpr GemmRoom gemm_room(int64_t m, int64_t n, int64_t k, bool accumulate) {
  const int64_t rows = smaller(round_up(m, 16), kBlockRows);
  const int64_t wide = n == 1 ? m : n;  // a column may be computed as a row
  const int64_t cols = smaller(round_up(wide, kMaxTileCols), kBlockCols);
  const int64_t depth = smaller(k, kBlockDepth);
  GemmRoom room{rows * depth, cols * depth, 0, 0};
  const bool slices = k > kSlice;
  const int64_t careful = smaller(m, kCarefulRows) * cols;
  if (slices || (accumulate && k > depth)) room.partial = careful;
  if (slices && accumulate) room.total = careful;
  if (m == 1 || n == 1) room.a += 2 * k;  // vectors along k made contiguous
  return room;
}

}  // namespace
}  // namespace steep::kernels
