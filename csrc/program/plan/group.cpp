#include "program/plan/group.h"

#include <algorithm>
#include <cstring>

#include "kernels/partition.h"
#include "kernels/reduce/reduce.h"

namespace steep::program {

namespace {

using Buffers = char[kGroupBuffers][kGroupBlock * 8];

// The address of a view's elements from `begin` on.
void* address(const Group& group, int view, char* const* data, Buffers& buffers, int64_t begin) {
  const Group::View& s = group.views[view];
  return s.buffer >= 0 ? buffers[s.buffer] : data[view] + begin * s.step * s.size;
}

// The sum of one chunk, by the kernel itself.
void add_chunk(const Group::FinalSum& sum, void* from, int64_t n, char* partial) {
  void* const operands[2] = {partial, from};
  const kernels::Extent extent{1, n, 1};
  sum.routine({operands, &extent, nullptr, 0, 1, [] {}});
}

// Combines partial sums pairwise, each with one of as many chunks, like the carries of a binary
// counter. This is the order of the sum's own kernel.
template <class T>
T combine(const char* partial, int64_t count) {
  T level[48];
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, partial + i * static_cast<int64_t>(sizeof(double)), sizeof value);
    int k = 0;
    for (int64_t carry = i; carry & 1; carry >>= 1) value = level[k++] + value;
    level[k] = value;
  }
  T value = 0;
  bool empty = true;
  for (int k = 0; count >> k; ++k) {
    if (!(count >> k & 1)) continue;
    value = empty ? level[k] : level[k] + value;
    empty = false;
  }
  return value;
}

// A rank's elements; whole chunks if there are sums.
Share elements_of(const Group& group, const Rank& rank) {
  if (group.sums.empty()) return share_of(group.total, group.rows, rank.rank, rank.size);
  const kernels::Range mine = kernels::share(group.total, kGroupBlock, rank.rank, rank.size);
  return {mine.begin, mine.end};
}

}  // namespace

void run_group(const Group& group, char* const* data, char* scratch, const Rank& rank) {
  alignas(64) Buffers buffers;
  const int64_t chunks = chunks_of(group);
  const auto partial = [&](size_t sum, int64_t chunk) {
    return scratch +
           (static_cast<int64_t>(sum) * chunks + chunk) * static_cast<int64_t>(sizeof(double));
  };
  const auto [first, end] = elements_of(group, rank);
  for (int64_t begin = first; begin < end; begin += kGroupBlock) {
    const int64_t n = std::min(kGroupBlock, end - begin);
    for (const Group::Stage& stage : group.stages) {
      void* at[kMaxOperands];
      int64_t steps[kMaxOperands];
      for (int k = 0; k < stage.operands; ++k) {
        steps[k] = group.views[stage.views[k]].step;
        at[k] = address(group, stage.views[k], data, buffers, begin);
      }
      stage.loop(at, steps, n);
    }
    for (size_t s = 0; s < group.sums.size(); ++s)
      add_chunk(group.sums[s], address(group, group.sums[s].from, data, buffers, begin), n,
                partial(s, begin / kGroupBlock));
  }
  if (group.sums.empty()) return;
  rank.barrier();
  if (rank.rank != 0) return;
  for (size_t s = 0; s < group.sums.size(); ++s) {
    const Group::FinalSum& sum = group.sums[s];
    visit(sum.type, [&](auto type) {
      using T = ElementOf<decltype(type)>;
      if constexpr (type.is_floating) type.store(data[sum.to], combine<T>(partial(s, 0), chunks));
    });
  }
}

}  // namespace steep::program
