#include "kernels/product/peak.h"

#include "kernels/isa.h"
#include "kernels/simd/simd.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  return {static_cast<double>(launch.as<FmaPeak>().rounds) * 24, 0};
}
}  // namespace

Kernel kFmaPeak = routine("fma_peak", Kind::opaque, "w").with_cost(cost);
#endif

namespace {

template <class T>
void fma_peak(const Task& task) {
  using R = Native<T>;
  constexpr int kChains =
      12;  // latency (4) times units (2), and some to spare; fewer than the registers
  typename R::V chain[kChains];
  STEEP_UNROLL
  for (int i = 0; i < kChains; ++i) chain[i] = R::broadcast(static_cast<T>(i));
  const typename R::V a = R::broadcast(static_cast<T>(0.999)),
                      b = R::broadcast(static_cast<T>(0.001));
  const int64_t rounds = arguments<FmaPeak>(task).rounds;
  for (int64_t round = 0; round < rounds; ++round) {
    STEEP_UNROLL
    for (int i = 0; i < kChains; ++i) chain[i] = R::fma(chain[i], a, b);
  }
  T sum[R::lanes > 0 ? R::lanes : 1];
  typename R::V total = chain[0];
  STEEP_UNROLL
  for (int i = 1; i < kChains; ++i) total = R::fma(chain[i], a, total);
  R::store(sum, total);
  task.barrier();
  if (task.rank != 0) return;
  T* out = static_cast<T*>(task.data[0]);
  out[0] =
      static_cast<T>(2.0 * kChains * R::lanes) * static_cast<T>(rounds) * static_cast<T>(task.size);
  out[1] = sum[0];
}

}  // namespace

void STEEP_FILL(product_peak)() {
  set_routine<float>(kFmaPeak, fma_peak<float>);
  set_routine<double>(kFmaPeak, fma_peak<double>);
}

}  // namespace steep::kernels
