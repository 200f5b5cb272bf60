// Vectors scaled to a norm of 1, and the distances and angles between them.
#include "ops/elementwise/compare.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

Tensor norm_along(const Tensor& x, double p, const Dims& dim, bool keepdim) {
  return norm(x, Number(p), dim, keepdim, std::nullopt);
}

Tensor normalize(const Tensor& x, double p, const Dims& dim, double eps) {
  return div(x, clamp(norm_along(x, p, dim, true), TensorOrNumber{{}, eps}, {}));
}

void register_normalize(Registry& registry) {
  registry.add<&normalize>(
      "normalize", kFunctional,
      "(input: Tensor, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12) -> Tensor",
      R"(Scales vectors along dim to a p-norm of 1: input / max(norm(input), eps).

Shape: any with dim, kept. Raises IndexError for a dim out of range, RuntimeError for integers.

>>> steep.nn.functional.normalize(steep.tensor([[3.0, 4.0]]))
tensor([[0.6000, 0.8000]])
)");
}

const Registration registered("norm", register_normalize);

}  // namespace

}  // namespace steep::ops
