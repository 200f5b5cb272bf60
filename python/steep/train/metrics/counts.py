"""Measures made of how often which class is predicted where which is true."""

from __future__ import annotations

import math
from typing import Any

from steep._core import Tensor, float64, zeros
from steep.train.metrics.base import Metric
from steep.train.metrics.labels import counted
from steep.train.metrics.task import Task

__all__ = ["F1", "ConfusionMatrix", "Precision", "Recall"]

AVERAGES = ("binary", "macro", "micro", "weighted")


class _PerClass(Metric):
    """What precision, recall and F1 share: for each class, how often it was right, said, true."""

    tasks = ("binary", "multiclass")
    stem = ""

    hits: Tensor
    guesses: Tensor
    truths: Tensor

    def __init__(self, average: str | None = None) -> None:
        if average not in (None, *AVERAGES):
            raise ValueError(
                f"{type(self).__name__}: expected average to be one of "
                f"{', '.join(map(repr, AVERAGES))} or None, got {average!r}"
            )
        self.average = average
        self.name = self.stem if average in (None, "binary") else f"{self.stem}_{average}"

    def begin(self, task: Task) -> None:
        """Make the sums."""
        self.check_task(task)
        self.task = task
        self.labels = task.columns if task.kind == "binary" else 1
        two = task.classes == 2 and self.labels == 1
        if self.average == "binary" and not two:
            raise ValueError(
                f"metric {self.name!r}: expected two classes with average='binary', got {task}; "
                "use 'macro' or 'micro'"
            )
        self.used = self.average or ("binary" if two else "macro")
        for name in ("hits", "guesses", "truths"):
            self.add_sum(name, task.classes * self.labels)

    def update(self, output: Tensor, target: Tensor, weight: Tensor | None) -> None:
        """Count a batch."""
        guess, true, weights = counted(self.task, output, target, weight)
        none = zeros(self.task.classes * self.labels, dtype=float64)
        self.guesses.add_(none.scatter_add(0, guess, weights))
        self.truths.add_(none.scatter_add(0, true, weights))
        self.hits.add_(none.scatter_add(0, true, weights * (guess == true)))

    def compute(self) -> float:
        """The value, averaged over the classes as `average` says; 0 where it would be 0 / 0."""
        hits, guesses, truths = (t.tolist() for t in (self.hits, self.guesses, self.truths))
        if self.labels > 1 or self.used == "binary":  # only that a label is there counts
            hits, guesses, truths = hits[1::2], guesses[1::2], truths[1::2]
        if self.used == "micro":
            return self._value(math.fsum(hits), math.fsum(guesses), math.fsum(truths))
        values = [self._value(*counts) for counts in zip(hits, guesses, truths, strict=True)]
        if self.used == "weighted":
            pairs = zip(values, truths, strict=True)
            return _ratio(math.fsum(v * t for v, t in pairs), math.fsum(truths))
        seen = [
            value
            for value, guess, truth in zip(values, guesses, truths, strict=True)
            if guess or truth or self.labels > 1 or self.used == "binary"
        ]
        return _ratio(math.fsum(seen), len(seen))

    def _value(self, hits: float, guesses: float, truths: float) -> float:
        raise NotImplementedError


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0


class Precision(_PerClass):
    """Of what is predicted to be of a class, the share that is: TP / (TP + FP).

    Args:
        average: ``'binary'``: of class 1, the default with two classes; ``'macro'``: the mean over
            the classes that are true or predicted anywhere, the default otherwise; ``'micro'``: of
            all classes together; ``'weighted'``: the mean, weighted by how often each is true.
            With several labels a sample they take the place of classes. By name: ``'precision'``,
            ``'precision_macro'`` and so on.

    Where nothing is predicted to be of a class its precision is 0. Sample weights count.

    Raises:
        ValueError: on another `average`; in `fit`, if it is ``'binary'`` with other than two
            classes.
    """

    stem = "precision"

    def _value(self, hits: float, guesses: float, truths: float) -> float:
        return _ratio(hits, guesses)


class Recall(_PerClass):
    """Of what is of a class, the share that is predicted to be: TP / (TP + FN).

    Arguments and errors are those of `Precision`.
    """

    stem = "recall"

    def _value(self, hits: float, guesses: float, truths: float) -> float:
        return _ratio(hits, truths)


class F1(_PerClass):
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).

    Arguments and errors are those of `Precision`.
    """

    stem = "f1"

    def _value(self, hits: float, guesses: float, truths: float) -> float:
        return _ratio(2 * hits, guesses + truths)


class ConfusionMatrix(Metric):
    """How often each class is predicted (column) where each is true (row): a list of rows.

    Whole numbers, or sums of sample weights where there are any.
    """

    name = "confusion_matrix"
    tasks = ("binary", "multiclass")
    is_number = False

    counts: Tensor

    def begin(self, task: Task) -> None:
        """Make the sums."""
        self.check_task(task)
        if task.kind == "binary" and task.columns > 1:
            raise ValueError(
                f"metric {self.name!r}: expected one class a sample, got {task}, which has a "
                "matrix for each label"
            )
        self.task = task
        self.add_sum("counts", task.classes * task.classes)

    def update(self, output: Tensor, target: Tensor, weight: Tensor | None) -> None:
        """Count a batch."""
        guess, true, weights = counted(self.task, output, target, weight)
        places = true * self.task.classes + guess
        none = zeros(self.task.classes**2, dtype=float64)
        self.counts.add_(none.scatter_add(0, places, weights))

    def compute(self) -> list[list[Any]]:
        """The matrix."""
        rows: list[list[float]] = self.counts.reshape(self.task.classes, -1).tolist()
        if all(count.is_integer() for row in rows for count in row):
            return [[int(count) for count in row] for row in rows]
        return rows
