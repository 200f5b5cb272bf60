"""The share of correct predictions."""

from __future__ import annotations

import math

from steep._core import Tensor
from steep.train.metrics.base import Metric
from steep.train.metrics.labels import classes_of, predicted, weights_of
from steep.train.metrics.task import Task

__all__ = ["Accuracy"]


class Accuracy(Metric):
    """The share of targets whose class is predicted, between 0 and 1.

    The prediction is the class of the largest score; with a single score, class 1 if that is above
    0 (a logit) or 0.5 (a probability). Targets with several elements a sample, such as images of
    classes or several labels, count element by element. Targets that are probabilities count as
    the class of the largest.

    With sample weights, the weight of the samples that are right by the weight of all.

    Example:
        >>> import steep
        >>> scores = steep.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
        >>> data = scores, steep.tensor([0, 1, 1])
        >>> loss, model = steep.nn.CrossEntropyLoss(), steep.nn.Identity()
        >>> round(steep.train.evaluate(model, loss, data, ["accuracy"])["accuracy"], 4)
        0.6667
    """

    name = "accuracy"
    tasks = ("binary", "multiclass")

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
        right = predicted(self.task, output) == classes_of(self.task, output, target)
        if weight is None:
            self.hits.add_(right.sum())
            self.total.add_(right.numel())
        else:
            each = weights_of(weight, right)
            self.hits.add_((each * right).sum())
            self.total.add_(each.sum())

    def compute(self) -> float:
        """The share; NaN of nothing."""
        total = float(self.total)
        return float(self.hits) / total if total else math.nan
