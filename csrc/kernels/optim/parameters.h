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

// The same for rules that count a parameter's steps in the last of its tensors, one float32 number:
// calls work(the parameter's operands, begin, end, the count with this step). The counts are raised
// by one, after everyone has read what they need of a parameter's numbers.
template <class T, class Work>
void for_counted(const Task& task, int64_t count, const int64_t* numel, int tensors, Work work) {
  void* const* const first = task.data + 1;
  for_parameters<T>(task, count, numel, tensors, [&](int64_t i, int64_t begin, int64_t end) {
    void* const* data = first + tensors * i;
    work(data, begin, end,
         static_cast<int64_t>(*static_cast<const float*>(data[tensors - 1]) + 1.0f));
  });
  task.barrier();
  if (task.rank != 0) return;
  for (int64_t i = 0; i < count; ++i) *static_cast<float*>(first[tensors * (i + 1) - 1]) += 1.0f;
}

// base^exponent for a whole exponent, by squaring: the same bits on every CPU.
inline double power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base) {
    if (exponent & 1) result *= base;
  }
  return result;
}

// What a rule has in common for all elements is copied into locals before its loop, and what would
// be a condition inside it is a choice between two values, a template parameter or a factor: sign is
// -1 to maximize.

// One of two numbers, the same one for all elements. By bits: several conditions in a loop, even if
// they do not change in it, keep GCC from vectorising it.
template <class T>
struct Choice {
  vec::BitsOf<T> mask;
  explicit Choice(bool first) : mask(first ? ~vec::BitsOf<T>(0) : 0) {}
  STEEP_INLINE T operator()(T first, T second) const {
    return vec::from_bits<T>((vec::to_bits(first) & mask) | (vec::to_bits(second) & ~mask));
  }
};

// The gradient with its sign and the weight decay.
template <class T>
struct Slope {
  T sign, weight_decay;
  Choice<T> decays;
  Slope(double decay, Flag maximize)
      : sign(maximize ? T(-1) : T(1)), weight_decay(static_cast<T>(decay)), decays(decay != 0) {}
  STEEP_INLINE T operator()(T p, T grad) const {
    const T plain = sign * grad;
    return decays(vec::mul_add(weight_decay, p, plain), plain);
  }
};

// PyTorch's lerp: m + weight * (g - m) from the nearer end, which the weight alone decides.
template <class T>
struct Lerp {
  Choice<T> from_m;
  T factor;
  explicit Lerp(T weight)
      : from_m(weight < T(0.5)), factor(weight < T(0.5) ? weight : -(1 - weight)) {}
  STEEP_INLINE T operator()(T m, T g) const { return vec::mul_add(factor, g - m, from_m(m, g)); }
};

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
