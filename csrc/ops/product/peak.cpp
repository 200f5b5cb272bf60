// Measuring the machine: arithmetic that goes as fast as it can, for benchmarks to hold products
// against.
#include "kernels/product/peak.h"
#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

constexpr int64_t kMostRounds = int64_t{1} << 28;  // a second or two, which nothing interrupts

Tensor fma_peak(int64_t rounds, std::optional<DType> dtype) {
  const DType type = dtype.value_or(DType::float32);
  if (!is_floating(type)) fail(ErrorKind::value, "fma_peak", "float32 or float64", name(type));
  if (rounds < 0 || rounds > kMostRounds)
    fail(ErrorKind::value, "fma_peak", join("0 to ", kMostRounds, " rounds"), join(rounds));
  Tensor out = empty({2}, type);
  program::launch(kernels::kFmaPeak, type, {out}, kernels::FmaPeak{rounds});
  return out;
}

void register_peak(Registry& registry) {
  registry.add<&fma_peak>("fma_peak", kInternal,
                          "(rounds: int, dtype: dtype | None = None) -> Tensor",
                          R"(Fused multiply-adds on registers alone: how fast the machine can be.

They are done on as many threads as a large product gets. Shape: (2,): the floating-point operations
done, and a value without meaning. dtype defaults to float32. Raises ValueError for other dtypes
than float32 and float64, for negative rounds and for more than 2 ** 28.

>>> steep._core.fma_peak(10)[0].item() > 0
True
)");
}

const Registration registered("measurement", register_peak);

}  // namespace

}  // namespace steep::ops
