"""The share of correct predictions, of the best guess or among the best few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from steep._core import Tensor, arange
from steep.train.metrics.base import Metric
from steep.train.metrics.labels import (
    counted,
    predicted,
    scores_of,
    true_classes,
    weights_like,
)
from steep.train.metrics.task import Task

__all__ = ["Accuracy", "TopK"]


class Accuracy(Metric):
    """The share of targets whose class is predicted, between 0 and 1.

    The prediction is the class of the largest score; with a single score, class 1 if that is above
    0 (a logit) or 0.5 (a probability). Targets with several elements a sample, such as images of
    classes or several labels, count element by element, but for those that the loss ignores
    (``ignore_index``). Targets that are probabilities count as the class of the largest.

    With sample weights, the weight of what is right by the weight of all.

    Example:
        >>> import steep
        >>> scores = steep.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0], [0.0, 1.0]])
        >>> data = scores, steep.tensor([0, 1, 1, 1])
        >>> loss, model = steep.nn.CrossEntropyLoss(), steep.nn.Identity()
        >>> steep.train.evaluate(model, loss, data, ["accuracy"])["accuracy"]
        0.75
    """

    name = "accuracy"
    tasks: ClassVar[Sequence[str]] = ("binary", "multiclass")

    hits: Tensor
    total: Tensor

    def begin(self, task: Task) -> None:
        """Make the sums."""
        self.check_task(task)
        self.task = task
        self.add_sum("hits")
        self.add_sum("total")

    def update(self, output: Tensor, target: Tensor, weight: Tensor | None) -> None:
        """Count a batch."""
        true = true_classes(self.task, output, target)
        right = predicted(self.task, output) == true
        if weight is None and self.task.ignored is None:
            self.hits.add_(right.sum())
            self.total.add_(right.numel())
            return
        each = weights_like(true, weight)
        if self.task.ignored is not None:
            each = each * (true != self.task.ignored)
        self.hits.add_((each * right).sum())
        self.total.add_(each.sum())

    def compute(self) -> float:
        """The share; NaN of nothing."""
        total = float(self.total)
        return float(self.hits) / total if total else math.nan


class TopK(Accuracy):
    """The share of targets whose class is among the `k` with the largest scores.

    Of equal scores the class with the smaller number comes first, as for `Accuracy`, which is the
    case ``k = 1``. By name: ``'top5_accuracy'``, or ``'top5'``, with any number.

    Args:
        k: how many guesses there are. Default: 5.

    Raises:
        ValueError: if `k` is no positive int; in `fit`, if there are not more classes than that.
    """

    tasks: ClassVar[Sequence[str]] = ("multiclass",)

    def __init__(self, k: int = 5) -> None:
        if not isinstance(k, int) or k < 1:
            raise ValueError(f"TopK: expected k to be an int of at least 1, got {k!r}")
        self.k = k
        self.name = f"top{k}_accuracy"

    def begin(self, task: Task) -> None:
        """Make the sums."""
        super().begin(task)
        if task.classes <= self.k:
            raise ValueError(
                f"metric {self.name!r}: expected more than {self.k} classes, got {task.classes}: "
                "every prediction would count as right"
            )

    def update(self, output: Tensor, target: Tensor, weight: Tensor | None) -> None:
        """Count a batch."""
        _, true, weights = counted(self.task, output, target, weight)
        scores, true = scores_of(self.task, output), true.unsqueeze(1)
        own = scores.gather(1, true)
        before = arange(self.task.classes).unsqueeze(0) < true
        rank = ((scores > own) | ((scores == own) & before)).sum(dim=1)
        self.hits.add_((weights * (rank < self.k)).sum())
        self.total.add_(weights.sum())
