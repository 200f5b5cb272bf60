#include "kernels/product/stream.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/simd.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const auto& x = launch.as<Stream>();
  const int64_t values = x.n * (2 * x.updated + x.read + x.written);
  return {0, static_cast<double>(x.rounds) * static_cast<double>(values) * sizeof(float)};
}
}  // namespace

Kernel kStream = routine("stream_peak", Kind::opaque, "u").with_cost(cost);
#endif

namespace {

constexpr int64_t kGrain = 64;
constexpr int kSums = 4;  // enough at once for whoever only reads

// One pass over elements [begin, end).
template <int updated, int read, int written>
void pass(void* const* data, int64_t begin, int64_t end) {
  using R = Native<float>;
  constexpr int kArrays = updated + read + written;
  float* x[kArrays];
  STEEP_UNROLL
  for (int a = 0; a < kArrays; ++a) x[a] = static_cast<float*>(data[a]);
  typename R::V total[kSums];
  STEEP_UNROLL
  for (int v = 0; v < kSums; ++v) total[v] = R::zero();
  for (int64_t i = begin; i < end; i += kSums * R::lanes) {
    STEEP_UNROLL
    for (int v = 0; v < kSums; ++v) {
      const int64_t at = i + v * R::lanes;
      typename R::V sum = R::zero();
      STEEP_UNROLL
      for (int a = updated; a < updated + read; ++a) sum = sum + R::load(x[a] + at);
      STEEP_UNROLL
      for (int a = 0; a < updated; ++a) R::store(x[a] + at, R::load(x[a] + at) + sum);
      STEEP_UNROLL
      for (int a = updated + read; a < kArrays; ++a) R::store(x[a] + at, sum);
      if constexpr (updated + written == 0) total[v] = total[v] + sum;
    }
  }
  __asm__ volatile("" : : "m"(total) : "memory");  // no round may be left out
}

template <int mix>
void run_if(const Stream& stream, void* const* data, int64_t begin, int64_t end) {
  constexpr StreamMix x = kStreamMixes[mix];
  if (stream.updated != x.updated || stream.read != x.read || stream.written != x.written) return;
  for (int64_t round = 0; round < stream.rounds; ++round)
    pass<x.updated, x.read, x.written>(data, begin, end);
}

template <int mix>
void run(const Stream& stream, void* const* data, int64_t begin, int64_t end) {
  run_if<mix>(stream, data, begin, end);
  if constexpr (mix > 0) run<mix - 1>(stream, data, begin, end);
}

void streams(const Task& task) {
  constexpr int kMixes = sizeof(kStreamMixes) / sizeof(kStreamMixes[0]);
  const auto& stream = arguments<Stream>(task);
  const Range mine = share(stream.n, kGrain, task.rank, task.size);
  run<kMixes - 1>(stream, task.data, mine.begin, mine.end);
}

}  // namespace

void STEEP_FILL(product_stream)() { set_routine<float>(kStream, streams); }

}  // namespace steep::kernels
