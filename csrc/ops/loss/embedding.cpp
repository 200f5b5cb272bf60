// Losses of distances and angles between vectors.
#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/loss/loss.h"
#include "ops/norm/distance.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

using Older = std::optional<bool>;

// x with its last dimension as a vector of length 1, or a little below.
Tensor direction(const Tensor& x) {
  const Tensor squares = sum(square(x), Dims{-1}, true, std::nullopt);
  return div(x, sqrt(add(squares, Number(1e-12))));
}

Tensor cosine_embedding_loss(const Tensor& x, const Tensor& other, const Tensor& target,
                             double margin, Older average, Older reduce,
                             const std::string& reduction) {
  constexpr const char* kOp = "cosine_embedding_loss";
  const Reduce how = read_reduction(kOp, reduction, average, reduce);
  check_shapes(kOp, x, other, "input1", "input2");
  Dims lead = x.shape();
  if (lead.size()) lead.pop_back();
  const bool one_for_all = x.dim() == 2 && target.shape() == Dims{1};
  if (x.dim() < 1 || x.dim() > 2 || (target.shape() != lead && !one_for_all))
    fail(ErrorKind::value, kOp, "inputs (N, D) with a target (N) or (1), or (D) with ()",
         join("inputs ", to_string(x.shape()), " and target ", to_string(target.shape())));
  check_numbers(kOp, "target", target, AllowedNumbers::signs);
  const Tensor cosine = sum(mul(direction(x), direction(other)), Dims{-1}, false, std::nullopt);
  const Tensor apart = at_least(sub({cosine, {}}, {{}, margin}, 1), 0);
  const Tensor together = one_minus(cosine);
  return reduced(add(where(eq({target, {}}, {{}, 1}), together, Number(0.0)),
                     where(eq({target, {}}, {{}, -1}), apart, Number(0.0))),
                 how);
}

Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           double margin, double p, double eps, bool swap, Older average,
                           Older reduce, const std::string& reduction) {
  constexpr const char* kOp = "triplet_margin_loss";
  const Reduce how = read_reduction(kOp, reduction, average, reduce);
  if (!(margin > 0)) fail(ErrorKind::value, kOp, "margin above 0", join(margin));
  check_shapes(kOp, anchor, positive, "anchor", "positive");
  check_shapes(kOp, anchor, negative, "anchor", "negative");
  const Tensor near = pairwise_distance(anchor, positive, p, eps, false);
  Tensor far = pairwise_distance(anchor, negative, p, eps, false);
  if (swap) far = minimum(far, pairwise_distance(positive, negative, p, eps, false));
  return reduced(at_least(add(sub(near, far), Number(margin)), 0), how);
}

void register_embedding(Registry& registry) {
  registry.add<&cosine_embedding_loss>(
      "cosine_embedding_loss", kFunctional,
      "(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, size_average: bool | "
      "None = None, reduce: bool | None = None, reduction: str | None = 'mean') -> Tensor",
      R"(1 - cos(input1, input2) where target is 1, max(0, cos(input1, input2) - margin) where -1.

Shapes: inputs (N, D) or (D), target (N), (1) for all, or (). Another target warns, and counts as a
loss of 0, as in PyTorch. Raises ValueError for other shapes.

>>> x, y = steep.tensor([[1.0, 0.0]]), steep.tensor([[0.0, 1.0]])
>>> steep.nn.functional.cosine_embedding_loss(x, y, steep.tensor([1]))
tensor(1.)
)");
  registry.add_module("cosine_embedding_loss", "loss.CosineEmbeddingLoss");
  registry.add<&triplet_margin_loss>(
      "triplet_margin_loss", kFunctional,
      "(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0, "
      "eps: float = 1e-06, swap: bool = False, size_average: bool | None = None, reduce: bool | "
      "None = None, reduction: str | None = 'mean') -> Tensor",
      R"(max(0, margin + d(anchor, positive) - d(anchor, negative)), d the pairwise_distance.

With swap, d(positive, negative) counts where it is the less (Balntas et al., 2016). Shapes: (*, D),
the same for all. Raises ValueError for shapes that differ and for a margin that is not positive.

>>> steep.nn.functional.triplet_margin_loss(*steep.zeros(3, 1, 2))
tensor(1.)
)");
  registry.add_module("triplet_margin_loss", "loss.TripletMarginLoss");
}

const Registration registered("loss", register_embedding);

}  // namespace

}  // namespace steep::ops
