"""Losses as modules."""

from __future__ import annotations

from collections.abc import Callable

from steep._core import (
    Tensor,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    nll_loss,
    smooth_l1_loss,
)
from steep.nn._loss import _Loss, _WeightedLoss
from steep.nn.distance import PairwiseDistance
from steep.nn.functional import triplet_margin_with_distance_loss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "NLLLoss",
    "SmoothL1Loss",
    "TripletMarginWithDistanceLoss",
]


class SmoothL1Loss(_Loss):
    """With ``d = |input - target|``: ``d ** 2 / (2 * beta)`` below beta, ``d - beta / 2`` beyond.

    (Girshick, Fast R-CNN, ICCV 2015.) Input and target have the same shape.

    Args:
        size_average: PyTorch's older way, as is `reduce`: each warns and takes the place of
            `reduction`.
        reduce: see `size_average`.
        reduction: ``'mean'`` (default), ``'sum'`` or ``'none'``.
        beta: where the square goes over into the line; 0 gives `L1Loss`. Default: 1.

    Raises:
        ValueError: if `beta` is negative, or the reduction unknown.

    Example:
        >>> import steep
        >>> steep.nn.SmoothL1Loss()(steep.tensor([1.0, 3.0]), steep.tensor([0.0, 0.0])).item()
        1.5
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if not beta >= 0:
            raise ValueError(f"SmoothL1Loss: expected beta to be at least 0, got {beta}")
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare two tensors of one shape; a scalar unless reduction is ``'none'``."""
        return smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """With ``d = |input - target|``: ``d ** 2 / 2`` up to delta, ``delta * (d - delta / 2)`` after.

    (Huber, 1964.) Input and target have the same shape.

    Args:
        reduction: ``'mean'`` (default), ``'sum'`` or ``'none'``.
        delta: where the square goes over into the line. Default: 1.

    Raises:
        ValueError: if `delta` is not positive, or the reduction unknown.

    Example:
        >>> import steep
        >>> steep.nn.HuberLoss(delta=2.0)(steep.tensor([3.0]), steep.tensor([0.0])).item()
        4.0
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        if not delta > 0:
            raise ValueError(f"HuberLoss: expected delta to be above 0, got {delta}")
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare two tensors of one shape; a scalar unless reduction is ``'none'``."""
        return huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence of each element, ``target * (log(target) - input)``.

    Args:
        size_average: PyTorch's older way, as is `reduce`: each warns and takes the place of
            `reduction`.
        reduce: see `size_average`.
        reduction: ``'mean'`` (default, over all elements), ``'batchmean'`` (the sum over the
            size of the first dimension: the divergence proper), ``'sum'`` or ``'none'``.
        log_target: whether `target` holds logarithms too. Default: ``False``.

    Example:
        >>> import steep
        >>> half = steep.tensor([[0.5, 0.5]])
        >>> steep.nn.KLDivLoss(reduction="batchmean")(half.log(), half).item()
        0.0
    """

    _reductions = ("none", "mean", "sum", "batchmean")

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Log-probabilities and probabilities; a scalar unless reduction is ``'none'``."""
        return kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class BCELoss(_Loss):
    """Cross entropy of probabilities of one event, ``-(t * log(x) + (1 - t) * log(1 - x))``.

    Logarithms are held above -100. `BCEWithLogitsLoss` is more accurate where there are logits.

    Args:
        weight: factor of each element, broadcast. Default: none.
        size_average: PyTorch's older way, as is `reduce`: each warns and takes the place of
            `reduction`.
        reduce: see `size_average`.
        reduction: ``'mean'`` (default), ``'sum'`` or ``'none'``.

    Example:
        >>> import steep
        >>> loss = steep.nn.BCELoss()
        >>> round(loss(steep.tensor([0.5]), steep.tensor([1.0])).item(), 4)
        0.6931
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Probabilities and targets of one shape; a scalar unless reduction is ``'none'``."""
        return binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """`BCELoss` of ``sigmoid(input)``, without its loss of accuracy.

    Args:
        weight: factor of each element, broadcast. Default: none.
        size_average: PyTorch's older way, as is `reduce`: each warns and takes the place of
            `reduction`.
        reduce: see `size_average`.
        reduction: ``'mean'`` (default), ``'sum'`` or ``'none'``.
        pos_weight: factor of the positive part, broadcast. Default: none.

    Example:
        >>> import steep
        >>> loss = steep.nn.BCEWithLogitsLoss()
        >>> round(loss(steep.tensor([0.0]), steep.tensor([1.0])).item(), 4)
        0.6931
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Logits and targets of one shape; a scalar unless reduction is ``'none'``."""
        return binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )


class NLLLoss(_WeightedLoss):
    """Negative log likelihood of the target class, given log-probabilities.

    Shapes: input ``(N, C)``, ``(C,)`` or ``(N, C, d1, ...)``; target the same without ``C``.

    Args:
        weight: weight of each class, ``(C,)``; all one by default.
        ignore_index: target value that contributes nothing. Default: -100.
        size_average: PyTorch's older way, as is `reduce`: each warns and takes the place of
            `reduction`.
        reduce: see `size_average`.
        reduction: ``'mean'`` (default; weighted by `weight`), ``'sum'`` or ``'none'``.

    Example:
        >>> import steep
        >>> log_prob = steep.tensor([[-0.5, -1.0]])
        >>> steep.nn.NLLLoss()(log_prob, steep.tensor([1])).item()
        1.0
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, ignore_index, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Log-probabilities and int64 classes; a scalar unless reduction is ``'none'``."""
        return nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_WeightedLoss):
    """Softmax, logarithm and `NLLLoss` in one pass over the logits.

    Shapes: input (logits) ``(N, C)``, ``(C,)`` or ``(N, C, d1, ...)``; target the same without
    ``C`` (int64 classes), or of the input's shape (probabilities).

    Args:
        weight: weight of each class, ``(C,)``; all one by default.
        ignore_index: target value that contributes nothing. Default: -100.
        size_average: PyTorch's older way, as is `reduce`: each warns and takes the place of
            `reduction`.
        reduce: see `size_average`.
        reduction: ``'mean'`` (default; weighted by `weight`), ``'sum'`` or ``'none'``.
        label_smoothing: in [0, 1]; share of the target spread over all classes
            (Szegedy et al., CVPR 2016). Default: 0.

    Example:
        >>> import steep
        >>> loss = steep.nn.CrossEntropyLoss()
        >>> round(loss(steep.zeros(1, 2), steep.tensor([1])).item(), 4)
        0.6931
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, ignore_index, reduce, reduction)
        if not 0.0 <= label_smoothing <= 1.0:
            raise ValueError(
                "CrossEntropyLoss: expected label_smoothing between 0.0 and 1.0, "
                f"got {label_smoothing}"
            )
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Logits and targets; a scalar unless reduction is ``'none'``."""
        return cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` by any distance of two tensors; `PairwiseDistance` if ``None``.

    Example:
        >>> import steep
        >>> steep.nn.TripletMarginWithDistanceLoss()(*steep.zeros(3, 1, 2)).item()
        1.0
    """

    distance_function: Callable[[Tensor, Tensor], Tensor]

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if not margin > 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be above 0, got {margin}"
            )
        self.distance_function = distance_function or PairwiseDistance()
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Apply to three tensors of one shape."""
        return triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


# Written by tools/make_stubs.py from here on, from the operations' records.
from steep._core import (
    cosine_embedding_loss,
    ctc_loss,
    focal_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    msle_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    poisson_nll_loss,
    soft_margin_loss,
    triplet_margin_loss,
)

__all__ += [
    "CTCLoss",
    "CosineEmbeddingLoss",
    "FocalLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "L1Loss",
    "MSELoss",
    "MSLELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "PoissonNLLLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
]


class CTCLoss(_Loss):
    """Connectionist temporal classification: how unlikely labels are whose places are not known.

    See `steep.nn.functional.ctc_loss`.
    """

    def __init__(
        self,
        blank: int = 0,
        reduction: str = "mean",
        zero_infinity: bool = False,
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor,
        target_lengths: Tensor,
    ) -> Tensor:
        """Apply `ctc_loss` with the arguments it was made with."""
        return ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )


class CosineEmbeddingLoss(_Loss):
    """1 - cos(input1, input2) where target is 1, max(0, cos(input1, input2) - margin) where -1.

    See `steep.nn.functional.cosine_embedding_loss`.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Apply `cosine_embedding_loss` with the arguments it was made with."""
        return cosine_embedding_loss(
            input1,
            input2,
            target,
            margin=self.margin,
            reduction=self.reduction,
        )


class FocalLoss(_Loss):
    """-alpha (1 - p)^gamma log(p), with p = softmax(input)[target] (Lin et al., 2017).

    See `steep.nn.functional.focal_loss`.
    """

    def __init__(
        self,
        alpha: Tensor | float = 1.0,
        gamma: float = 2.0,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.alpha = alpha
        self.gamma = gamma
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `focal_loss` with the arguments it was made with."""
        return focal_loss(input, target, self.alpha, self.gamma, self.ignore_index, self.reduction)


class GaussianNLLLoss(_Loss):
    """(log(v) + (input - target)^2 / v) / 2, where v = max(var, eps); full adds log(2 pi) / 2.

    See `steep.nn.functional.gaussian_nll_loss`.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-06, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Apply `gaussian_nll_loss` with the arguments it was made with."""
        return gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class HingeEmbeddingLoss(_Loss):
    """The input where target is 1, max(0, margin - input) where it is -1.

    See `steep.nn.functional.hinge_embedding_loss`.
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `hinge_embedding_loss` with the arguments it was made with."""
        return hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class L1Loss(_Loss):
    """Mean absolute error, ``|input - target|``.

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
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `l1_loss` with the arguments it was made with."""
        return l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """Mean squared error, ``(input - target) ** 2``.

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
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `mse_loss` with the arguments it was made with."""
        return mse_loss(input, target, reduction=self.reduction)


class MSLELoss(_Loss):
    """Squared error of logarithms: (log(1 + input) - log(1 + target))^2, as in Keras.

    See `steep.nn.functional.msle_loss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `msle_loss` with the arguments it was made with."""
        return msle_loss(input, target, self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, margin - target * (input1 - input2)): with target 1, input1 is to be the greater.

    See `steep.nn.functional.margin_ranking_loss`.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Apply `margin_ranking_loss` with the arguments it was made with."""
        return margin_ranking_loss(
            input1,
            input2,
            target,
            margin=self.margin,
            reduction=self.reduction,
        )


class MultiLabelMarginLoss(_Loss):
    """Sum over labels y and other classes i of max(0, 1 - input[y] + input[i]), divided by C.

    See `steep.nn.functional.multilabel_margin_loss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `multilabel_margin_loss` with the arguments it was made with."""
        return multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_Loss):
    """Mean over the classes (the last dimension) of binary_cross_entropy_with_logits.

    See `steep.nn.functional.multilabel_soft_margin_loss`.
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `multilabel_soft_margin_loss` with the arguments it was made with."""
        return multilabel_soft_margin_loss(
            input,
            target,
            weight=self.weight,
            reduction=self.reduction,
        )


class MultiMarginLoss(_Loss):
    """Sum over the wrong classes i of max(0, margin - input[target] + input[i])^p, divided by C.

    See `steep.nn.functional.multi_margin_loss`.
    """

    weight: Tensor | None

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.p = p
        self.margin = margin
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `multi_margin_loss` with the arguments it was made with."""
        return multi_margin_loss(
            input,
            target,
            p=self.p,
            margin=self.margin,
            weight=self.weight,
            reduction=self.reduction,
        )


class PoissonNLLLoss(_Loss):
    """Likelihood of counts: e^input - target * input, or input - target * log(input + eps).

    See `steep.nn.functional.poisson_nll_loss`.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-08,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `poisson_nll_loss` with the arguments it was made with."""
        return poisson_nll_loss(
            input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class SoftMarginLoss(_Loss):
    """log(1 + e^(-target * input)), for targets of 1 and -1.

    See `steep.nn.functional.soft_margin_loss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Apply `soft_margin_loss` with the arguments it was made with."""
        return soft_margin_loss(input, target, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), d the pairwise_distance.

    See `steep.nn.functional.triplet_margin_loss`.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-06,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Apply `triplet_margin_loss` with the arguments it was made with."""
        return triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )
