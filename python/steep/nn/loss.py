"""Losses as modules."""

from __future__ import annotations

from steep._core import Tensor, cross_entropy, mse_loss
from steep.nn.functional import l1_loss, nll_loss
from steep.nn.module import Module

__all__ = ["CrossEntropyLoss", "L1Loss", "MSELoss", "NLLLoss"]


class _Loss(Module):
    reduction: str

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(
                f"{type(self).__name__}: expected reduction to be 'none', 'mean' or 'sum', "
                f"got {reduction!r}"
            )
        self.reduction = reduction


class MSELoss(_Loss):
    """Mean squared error, ``(input - target) ** 2``.

    Input and target have the same shape; shapes that would only broadcast are an error.

    Args:
        reduction: ``'mean'`` (default), ``'sum'`` or ``'none'``.

    Example:
        >>> import steep
        >>> steep.nn.MSELoss()(steep.tensor([1.0, 2.0]), steep.tensor([0.0, 0.0])).item()
        2.5
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare two tensors of one shape; a scalar unless reduction is ``'none'``."""
        return mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """Mean absolute error, ``|input - target|``.

    Input and target have the same shape; shapes that would only broadcast are an error.

    Args:
        reduction: ``'mean'`` (default), ``'sum'`` or ``'none'``.

    Example:
        >>> import steep
        >>> steep.nn.L1Loss()(steep.tensor([1.0, 2.0]), steep.tensor([0.0, 0.0])).item()
        1.5
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare two tensors of one shape; a scalar unless reduction is ``'none'``."""
        return l1_loss(input, target, reduction=self.reduction)


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(self, weight: Tensor | None, reduction: str, ignore_index: int) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index


class NLLLoss(_WeightedLoss):
    """Negative log likelihood of the target class, given log-probabilities.

    Shapes: input ``(N, C)``, ``(C,)`` or ``(N, C, d1, ...)``; target the same without ``C``.

    Args:
        weight: weight of each class, ``(C,)``; all one by default.
        ignore_index: target value that contributes nothing. Default: -100.
        reduction: ``'mean'`` (default; weighted by `weight`), ``'sum'`` or ``'none'``.

    Example:
        >>> import steep
        >>> log_prob = steep.tensor([[-0.5, -1.0]])
        >>> steep.nn.NLLLoss()(log_prob, steep.tensor([1])).item()
        1.0
    """

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction, ignore_index)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Log-probabilities and int64 classes; a scalar unless reduction is ``'none'``."""
        return nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(_WeightedLoss):
    """Softmax, logarithm and `NLLLoss` in one pass over the logits.

    Shapes: input (logits) ``(N, C)``, ``(C,)`` or ``(N, C, d1, ...)``; target the same without
    ``C`` (int64 classes), or of the input's shape (probabilities).

    Args:
        weight: weight of each class, ``(C,)``; all one by default.
        ignore_index: target value that contributes nothing. Default: -100.
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
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction, ignore_index)
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
