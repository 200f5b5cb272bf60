// What reductions that keep the partial results of chunks in scratch have in common.
#pragma once

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/reduce/reduce.h"
#include "kernels/simd/lanes.h"

namespace steep::kernels {
namespace {

#if STEEP_DESCRIBES
// The partial results of chunks, of `element_size` bytes each.
inline int64_t partial_bytes(const Extent& x, int64_t element_size, int threads) {
  const int64_t chunks = ceil_div(x.n, x.inner == 1 ? kChunk : kRowChunk);
  const bool wanted = x.inner == 1 ? shares_chunks(x.outer, chunks, threads)
                                   : keeps_partial_rows(x.outer, x.n, x.inner,
                                                        static_cast<int>(element_size), threads);
  return wanted ? x.outer * chunks * x.inner * element_size : 0;
}
inline int64_t scratch(const LaunchView& launch, int threads) {
  return partial_bytes(launch.as<Extent>(), launch.element_size, threads);
}
// Contiguous rows, unless ranks share the chunks of each.
inline RowPartition rows(const LaunchView& launch, int ranks) {
  const Extent& x = launch.as<Extent>();  // of both structs the beginning
  if (x.inner != 1 || shares_chunks(x.outer, ceil_div(x.n, kChunk), ranks)) return {};
  return {x.outer, {1, x.n, 1}};
}
constexpr Kernel reduction(const char* name) {
  return routine(name, Kind::reduce, "wr").with_scratch(scratch).with_rows(rows);
}
#endif

// Writes the partial result of each chunk of each row to scratch[outer, chunks], shared between the
// ranks.
template <class Op, class Source>
void reduce_shared_rows(const Task& task, const Source& source) {
  const Extent& x = arguments<Extent>(task);
  const int64_t outer = x.outer, n = x.n, chunks = ceil_div(n, kChunk);
  auto* partial = static_cast<typename Source::Value*>(task.scratch);
  const Range mine = share(outer * chunks, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t row = i / chunks, first = i % chunks * kChunk;
    const int64_t length = n - first < kChunk ? n - first : kChunk;
    partial[i] = reduce_piece<Op>(source, row * n + first, length, row);
  }
  task.barrier();
}

}  // namespace
}  // namespace steep::kernels
