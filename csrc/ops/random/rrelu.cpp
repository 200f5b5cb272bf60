// A leaky rectifier whose slopes below zero are drawn.
#include <cmath>

#include "ops/elementwise/activation.h"
#include "ops/random/random.h"
#include "ops/random/stream.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

struct Slopes {
  Generator* generator;
  int64_t n;
  double lower, upper;
};
// Operands: slopes T[n], x T[n]: PyTorch's draws, one for each element that is not positive.
template <class T>
void draw_slopes(const kernels::Task& task) {
  const Slopes& how = kernels::arguments<Slopes>(task);
  T* const slopes = static_cast<T*>(task.data[0]);
  const T* const x = static_cast<const T*>(task.data[1]);
  const double lower = static_cast<T>(how.lower), upper = static_cast<T>(how.upper);
  for (int64_t i = 0; i < how.n; ++i) {
    double drawn = 1;
    if (x[i] <= 0) {
      stream::uniform(*how.generator, &drawn, 1, 0, 1);
      drawn = drawn * (upper - lower) + lower;
    }
    slopes[i] = static_cast<T>(drawn);
  }
}
constexpr Kernel kSlopes = program::host_kernel("rrelu_slopes", "wr",
                                                program::routines_for<float, double>(
                                                    draw_slopes<float>, draw_slopes<double>))
                               .with_numbers(2);

Tensor rrelu(const Tensor& x, double lower, double upper, bool training, bool inplace) {
  need_floating("rrelu", x);
  check_fits("rrelu", lower, x.dtype());
  check_fits("rrelu", upper, x.dtype());
  if (!(lower <= upper && std::isfinite(lower) && std::isfinite(upper)))
    fail(ErrorKind::runtime, "rrelu",
         "finite bounds, the lower bound less than or equal to the upper bound",
         join("lower=", lower, " and upper=", upper));
  if (!training) return leaky_relu(x, (lower + upper) / 2, inplace);
  const Tensor slopes = empty(x.shape(), x.dtype());
  {
    const tape::GradMode off(false);
    program::launch(kSlopes, x.dtype(), {slopes, contiguous(x)},
                    Slopes{drawn_from(nullptr), x.numel(), lower, upper});
  }
  const Tensor out = mul(x, slopes);
  return inplace ? assign("rrelu_", x, out) : out;
}

void register_rrelu(Registry& registry) {
  registry.add<&rrelu>(
      "rrelu", kFunction | kFunctional,
      "(input: Tensor, lower: float = 0.125, upper: float = 0.3333333333333333, training: bool = "
      "False, inplace: bool | int = False) -> Tensor",
      R"(Leaky rectifier with slopes below 0 drawn evenly from [lower, upper); their mean if not training.

Shape: any. Xu et al., 2015. Raises NotImplementedError for integers, RuntimeError for a lower above
upper.

>>> steep.rrelu(steep.tensor([-1.0, 2.0]), 0.1, 0.3)
tensor([-0.2000,  2.0000])
)");
}

const Registration registered("random", register_rrelu);

}  // namespace

}  // namespace steep::ops
