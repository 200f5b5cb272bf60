// Vectors scaled to a norm of 1, and the distances and angles between them.
#include "ops/elementwise/compare.h"
#include "ops/norm/distance.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

Tensor norm_along(const Tensor& x, double p, const Dims& dim, bool keepdim) {
  return norm(x, Number(p), dim, keepdim, std::nullopt);
}

Tensor normalize(const Tensor& x, double p, const Dims& dim, double eps) {
  return div(x, clamp(norm_along(x, p, dim, true), TensorOrNumber{{}, eps}, {}));
}

Tensor cosine_similarity(const Tensor& x, const Tensor& other, int64_t along, double eps) {
  const Dims shape = broadcast_shapes("cosine_similarity", x.shape(), other.shape());
  const Dims dim{wrap_dim("cosine_similarity", along, shape.size())};
  const Tensor a = normalize(expand(x, shape), 2, dim, eps);
  return sum(mul(a, normalize(expand(other, shape), 2, dim, eps)), dim, false, std::nullopt);
}

}  // namespace

Tensor pairwise_distance(const Tensor& x, const Tensor& other, double p, double eps, bool keepdim) {
  return norm_along(add(sub(x, other), Number(eps)), p, {-1}, keepdim);
}

namespace {

void register_normalize(Registry& registry) {
  registry.add<&normalize>(
      "normalize", kFunctional | kOut,
      "(input: Tensor, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12) -> Tensor",
      R"(Scales vectors along dim to a p-norm of 1: input / max(norm(input), eps).

Shape: any with dim, kept. Raises IndexError for a dim out of range, RuntimeError for integers.

>>> steep.nn.functional.normalize(steep.tensor([[3.0, 4.0]]))
tensor([[0.6000, 0.8000]])
)");
  registry.add<&cosine_similarity>(
      "cosine_similarity", kFunction | kFunctional,
      "(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-08) -> Tensor",
      R"(Cosine of the angle between vectors along dim, each divided by its norm or eps.

Shapes: any that broadcast; the result is without dim. Raises IndexError for a dim out of range,
RuntimeError for shapes that do not broadcast and for integers.

>>> steep.cosine_similarity(steep.tensor([[3.0, 4.0]]), steep.tensor([[1.0, 0.0]]))
tensor([0.6000])
)");
  registry.add_module("cosine_similarity", "distance.CosineSimilarity", nullptr, nullptr, "");
  registry.add<&pairwise_distance>(
      "pairwise_distance", kFunction | kFunctional,
      "(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False) -> "
      "Tensor",
      R"(p-norm of x1 - x2 + eps along the last dimension.

Shapes: (N, D) or (D), broadcast; the result is without D. Raises RuntimeError for shapes that do
not broadcast and for integers.

>>> steep.pairwise_distance(steep.tensor([3.0, 4.0]), steep.zeros(2))
tensor(5.0000)
)");
  registry.add_module("pairwise_distance", "distance.PairwiseDistance", nullptr, nullptr, "");
}

const Registration registered("norm", register_normalize);

}  // namespace

}  // namespace steep::ops
