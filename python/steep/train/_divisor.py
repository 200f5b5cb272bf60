"""What the mean of a loss divides by: the number of samples, or of targets that count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import Tensor, where
from steep.nn import functional as F
from steep.nn.loss import CrossEntropyLoss, NLLLoss
from steep.train._batches import Batches

__all__ = ["Divisor", "divisor_for"]

Divisor = Callable[[Any], Tensor | None]  # of a batch's targets; None where it is their number


def divisor_for(loss: Any, batches: Batches) -> Divisor | None:
    """What batch means of this loss have to be weighed by; ``None`` for their numbers of samples.

    A mean of class losses divides by the weights of the classes, and by none for ignored targets
    (see `cross_entropy`): the batch with more of them counts for more in the mean of all.
    """
    known = _weights_of(loss)
    if known is None:
        return None
    weight, ignored = known
    parts = getattr(batches, "parts", None)  # of arrays
    targets = parts[1] if parts else None
    if weight is None and isinstance(targets, Tensor) and not bool((targets == ignored).any()):
        return None

    def divisor(y: Any) -> Tensor | None:
        if not isinstance(y, Tensor) or y.is_floating_point():  # probabilities: by samples
            return None
        counts = y != ignored
        if weight is None:
            return counts.sum()
        return (weight[where(counts, y, 0)] * counts).sum()

    return divisor


def _weights_of(loss: Any) -> tuple[Tensor | None, int] | None:
    """The weights of classes, if there are some, and the class that is ignored."""
    if isinstance(loss, (CrossEntropyLoss, NLLLoss)):
        return (loss.weight, loss.ignore_index) if loss.reduction == "mean" else None
    return (None, -100) if loss in (F.cross_entropy, F.nll_loss) else None
