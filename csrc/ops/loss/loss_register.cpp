// Registry entries of the losses.
#include "ops/loss/loss.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

void register_class_losses(Registry& registry) {
  registry.add<&cross_entropy>(
      "cross_entropy", kFunction | kFunctional,
      "(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = "
      "None, ignore_index: int = -100, reduce: bool | None = None, reduction: str | None = 'mean', "
      "label_smoothing: float = 0.0) -> Tensor",
      R"(Cross entropy of classes: -log softmax(input)[target], computed in one pass.

Shapes: input (C), (N, C) or (N, C, d1, ...) holds scores, not probabilities; target is int64 of the
same shape without C, or floating of the same shape as input, holding probabilities. weight (C)
scales each class; rows whose target is ignore_index count for nothing; label_smoothing mixes that
much of an even distribution into the targets. reduction is 'mean' (over the weights of the rows
that count), 'sum' or 'none'; size_average and reduce are its older spellings.

Raises IndexError for a class outside [0, C), RuntimeError for a target of another dtype or shape,
ValueError for batch sizes that differ, for probabilities that are not finite, and for an unknown
reduction.

>>> steep.nn.functional.cross_entropy(steep.tensor([[0.0, 0.0]]), steep.tensor([1]))
tensor(0.6931)
)");
  registry.add<&nll_loss>(
      "nll_loss", kFunction | kFunctional,
      "(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = "
      "None, ignore_index: int = -100, reduce: bool | None = None, reduction: str | None = 'mean') "
      "-> "
      "Tensor",
      R"(Negative log likelihood of classes: -input[target], where input holds log-probabilities.

Shapes: input (C), (N, C) or (N, C, d1, ...); target int64 of the same shape without C. weight (C),
ignore_index and reduction as in cross_entropy. Raises IndexError for a class outside [0, C),
RuntimeError for a target of another dtype or shape, and ValueError for batch sizes that differ and
for an unknown reduction.

>>> steep.nn.functional.nll_loss(steep.tensor([[-0.5, -1.0]]), steep.tensor([1]))
tensor(1.)
)");
}

void register_differences(Registry& registry) {
  registry.add<&mse_loss>("mse_loss", kFunction | kFunctional,
                          "(input: Tensor, target: Tensor, size_average: bool | None = None, "
                          "reduce: bool | None = None, reduction: str | None = 'mean', weight: "
                          "Tensor | None = None) -> Tensor",
                          R"(Squared error: (input - target)^2, reduced by 'mean', 'sum' or 'none'.

Shapes: any, the same for both, and for weight, by which the mean is taken. Unlike PyTorch, which broadcasts with a warning, raises ValueError
when they differ: (N, 1) against (N) would compare every pair. Raises ValueError for an unknown
reduction, too, and NotImplementedError where both are integers.

>>> steep.nn.functional.mse_loss(steep.tensor([1.0, 2.0]), steep.tensor([1.0, 4.0]))
tensor(2.)
)");
  registry.add_module("mse_loss", "loss.MSELoss", R"(Mean squared error, ``(input - target) ** 2``.

Input and target have the same shape; shapes that would only broadcast are an error.

Args:
    size_average: PyTorch's older way, as is `reduce`: each warns and takes the place of
        `reduction`.
    reduce: see `size_average`.
    reduction: ``'mean'`` (default), ``'sum'`` or ``'none'``.

Example:
    >>> import steep
    >>> steep.nn.MSELoss()(steep.tensor([1.0, 2.0]), steep.tensor([0.0, 0.0])).item()
    2.5
)",
                      "(size_average: bool | None = None, reduce: bool | None = None, reduction: "
                      "str = 'mean') -> None");
  registry.add<&l1_loss>("l1_loss", kFunction | kFunctional,
                         "(input: Tensor, target: Tensor, size_average: bool | None = None, "
                         "reduce: bool | None = None, reduction: str | None = 'mean', weight: "
                         "Tensor | None = None) -> Tensor",
                         R"(Absolute error: |input - target|, reduced by 'mean', 'sum' or 'none'.

Shapes: any, the same for both, and for weight, by which the mean is taken. Raises ValueError when they differ, even where they would broadcast,
and for an unknown reduction.

>>> steep.nn.functional.l1_loss(steep.tensor([1.0, 2.0]), steep.tensor([1.0, 4.0]))
tensor(1.)
)");
  registry.add_module("l1_loss", "loss.L1Loss", R"(Mean absolute error, ``|input - target|``.

Input and target have the same shape; shapes that would only broadcast are an error.

Args:
    size_average: PyTorch's older way, as is `reduce`: each warns and takes the place of
        `reduction`.
    reduce: see `size_average`.
    reduction: ``'mean'`` (default), ``'sum'`` or ``'none'``.

Example:
    >>> import steep
    >>> steep.nn.L1Loss()(steep.tensor([1.0, 2.0]), steep.tensor([0.0, 0.0])).item()
    1.5
)",
                      "(size_average: bool | None = None, reduce: bool | None = None, reduction: "
                      "str = 'mean') -> None");
  registry.add<&smooth_l1_loss>(
      "smooth_l1_loss", kFunction | kFunctional,
      "(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = "
      "None, reduction: str | None = 'mean', beta: float = 1.0) -> Tensor",
      R"(With d = |input - target|: d^2 / (2 beta) below beta, d - beta / 2 beyond; |d| for beta 0 (Girshick,
2015).

Shapes: any, the same for both. Raises ValueError when they differ, even where they would broadcast,
and for an unknown reduction; RuntimeError for a negative beta.

>>> steep.nn.functional.smooth_l1_loss(steep.tensor([0.0, 0.0]), steep.tensor([1.0, 2.0]), reduction='none')
tensor([0.5000, 1.5000])
)");
  registry.add<&huber_loss>(
      "huber_loss", kFunction | kFunctional,
      "(input: Tensor, target: Tensor, reduction: str | None = 'mean', delta: float = 1.0, weight: "
      "Tensor | None = None) -> Tensor",
      R"(With d = |input - target|: d^2 / 2 up to delta, delta (d - delta / 2) beyond (Huber, 1964).

Shapes: any, the same for both, and for weight, which scales each element. Raises ValueError when they differ, even where they would broadcast,
and for an unknown reduction; RuntimeError for a delta that is not positive.

>>> steep.nn.functional.huber_loss(steep.tensor([0.0, 0.0]), steep.tensor([1.0, 2.0]), reduction='none')
tensor([0.5000, 1.5000])
)");
}

void register_probability_losses(Registry& registry) {
  registry.add<&binary_cross_entropy>(
      "binary_cross_entropy", kFunction | kFunctional,
      "(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = "
      "None, reduce: bool | None = None, reduction: str | None = 'mean') -> Tensor",
      R"(Cross entropy of probabilities: -(t log x + (1 - t) log(1 - x)), each logarithm at least -100.

Shapes: input in [0, 1] and target, any, the same for both; weight broadcasts to them. Raises
ValueError when the shapes differ and for an unknown reduction; RuntimeError for an input outside
[0, 1].

>>> steep.nn.functional.binary_cross_entropy(steep.tensor([0.5]), steep.tensor([1.0]))
tensor(0.6931)
)");
  registry.add<&binary_cross_entropy_with_logits>(
      "binary_cross_entropy_with_logits", kFunction | kFunctional,
      "(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = "
      "None, reduce: bool | None = None, reduction: str | None = 'mean', pos_weight: Tensor | None "
      "= "
      "None) -> Tensor",
      R"(binary_cross_entropy of sigmoid(input), without its loss of accuracy: (1 - t) x + log(1 + exp(-x)).

Shapes: input and target any, the same for both; weight and pos_weight, which scales the positive
term, broadcast to them. Raises ValueError when the shapes differ and for an unknown reduction.

>>> steep.nn.functional.binary_cross_entropy_with_logits(steep.tensor([0.0]), steep.tensor([1.0]))
tensor(0.6931)
)");
  registry.add<&kl_div>(
      "kl_div", kFunction | kFunctional,
      "(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = "
      "None, reduction: str | None = 'mean', log_target: bool = False) -> Tensor",
      R"(Kullback-Leibler divergence of each element: t (log t - input), where input holds log-probabilities;
0 log 0 = 0.

Shapes: any, the same for both; with log_target the target holds log-probabilities, too. reduction
may be 'batchmean' as well: the sum divided by the first size. Raises ValueError when the shapes
differ and for an unknown reduction.

>>> steep.nn.functional.kl_div(steep.tensor([0.0]), steep.tensor([1.0]))
tensor(0.)
)");
}

void register_loss(Registry& registry) {
  register_class_losses(registry);
  register_differences(registry);
  register_probability_losses(registry);
}

const Registration registered("loss", register_loss);

}  // namespace

}  // namespace steep::ops
