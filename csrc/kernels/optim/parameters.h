// What steps of optimisers over many parameters at once have in common.
//
// The operations and their order are those of PyTorch's single-tensor updates, so that runs can be
// compared; where it multiplies and adds at once, so do we, and where it divides all elements by
// one number, we multiply by the reciprocal. The hyperparameters are an operand (float64), read when
// the kernel runs. What depends on them and on the step alone is computed in double, and rounded to
// T once.
//
// Every rank takes its share of each parameter, cut as the product that makes the gradient cuts its
// rows: what a rank has written, it finds in its own caches.
#pragma once

#include "kernels/isa.h"
#include "kernels/ownership.h"
#include "kernels/partition.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {
namespace {

// A share of a parameter ends at a multiple of so many elements: whole lines of the cache. One with
// fewer for each rank is not worth cutting.
constexpr int64_t kGrain = 64;

// Parameters up to so many elements in all are in the caches of the cores that have read them.
constexpr int64_t kCached = 1 << 18;

// Calls work(parameter, begin, end) for this rank's elements of each parameter, whose tensors are
// `tensors` operands each. A small parameter goes to the rank that it falls to where all are laid
// end to end.
template <class T, class Work>
void for_parameters(const Task& task, int64_t count, const int64_t* numel, int tensors, Work work) {
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) total += numel[i];
  int64_t start = 0;
  for (int64_t i = 0; i < count; start += numel[i++]) {
    Range mine = share(numel[i], kGrain, task.rank, task.size);
    if (numel[i] < kGrain * task.size) {
      const int64_t owner = (start + numel[i] / 2) * task.size / (total > 0 ? total : 1);
      mine = {0, owner == task.rank ? numel[i] : 0};
    }
    if (mine.begin >= mine.end) continue;
    if (task.size > 1 && total <= kCached) {
      T* const parameter = static_cast<T*>(task.data[1 + tensors * i]);
      constexpr auto kSize = static_cast<int64_t>(sizeof(T));
      take_back(parameter + mine.begin, ceil_div((mine.end - mine.begin) * kSize, kCacheLine),
                kCacheLine);
    }
    work(i, mine.begin, mine.end);
  }
}

// What a rule has in common for all elements is copied into locals before its loop, and what would
// be a condition inside it is a template parameter or a factor: sign is -1 to maximize.

// The moving averages of a gradient that has become 0 fade until they are subnormal, on which most
// CPUs compute several times slower (measured: the whole step, two and a half times); nothing can
// come of such small ones, so they are 0. NaN stays.
template <class T>
STEEP_INLINE T faded(T x) {
  return vec::abs(x) < vec::Format<T>::kMinNormal ? T(0) : x;
}

// What a step updates the next forward pass reads, on one core where the network is small: shared
// only from a size on where it pays to fetch it from the other.
inline Cost update_cost(const LaunchView& launch, const int64_t* numel, int64_t count,
                        double flops) {
  constexpr double kSpeed = 4, kReuse = 3;
  double elements = 0;
  for (int64_t i = 0; i < count; ++i) elements += static_cast<double>(numel[i]);
  return {flops * elements, launch.bytes, kSpeed, kReuse};
}

}  // namespace
}  // namespace steep::kernels
