"""Measures of probabilities: how good they are, and how well they order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from steep._core import Tensor
from steep.nn import functional as F
from steep.train.metrics.base import Metric
from steep.train.metrics.labels import counted, scores_of, true_classes, weights_like
from steep.train.metrics.task import Task

if TYPE_CHECKING:
    import numpy as np

__all__ = ["AUC", "LogLoss"]


class LogLoss(Metric):
    """The mean of -log p of the true class, in nats, whatever the loss that is trained on.

    Probabilities come from logits by the softmax (of one score, the logistic function). A
    probability of 0 counts as the smallest step of its dtype. With several labels a sample, the
    mean over all of them. Targets that are probabilities count with all of their classes.
    """

    name = "log_loss"
    mode = "min"
    tasks = ("binary", "multiclass")

    total: Tensor
    count: Tensor

    def begin(self, task: Task) -> None:
        """Make the sums."""
        self.check_task(task)
        self.task = task
        self.add_sum("total")
        self.add_sum("count")

    def update(self, output: Tensor, target: Tensor, weight: Tensor | None) -> None:
        """Add a batch."""
        if self.task.kind == "binary":
            each = self._binary(output.double(), target.double())
            weights = weights_like(each, weight)
        elif target.is_floating_point() and target.dim() == output.dim():
            logs = self._logs(output)
            soft = scores_of(self.task, target).double()
            each = -(soft * logs).sum(dim=1)
            weights = weights_like(target.argmax(dim=1), weight).reshape(-1)
        else:
            logs = self._logs(output)
            _, true, weights = counted(self.task, output, target, weight)
            each = -logs.gather(1, true.unsqueeze(1)).squeeze(1)
        self.total.add_((each * weights).sum())
        self.count.add_(weights.sum())

    def _binary(self, output: Tensor, target: Tensor) -> Tensor:
        if self.task.scores == "logits":
            return F.binary_cross_entropy_with_logits(output, target, reduction="none")
        p = output.clamp(_SMALLEST, 1 - _SMALLEST)
        return -(target * p.log() + (1 - target) * (1 - p).log())

    def _logs(self, output: Tensor) -> Tensor:
        scores = scores_of(self.task, output).double()
        return scores if self.task.scores == "log-probabilities" else F.log_softmax(scores, dim=1)

    def compute(self) -> float:
        """The mean; NaN of nothing."""
        count = float(self.count)
        return float(self.total) / count if count else math.nan


_SMALLEST = 2.0**-52


class AUC(Metric):
    """The area under the ROC curve: how likely a member of a class scores above a non-member.

    It is computed of all scores of an epoch, exactly, equal ones counting half (Hanley and McNeil,
    The Meaning and Use of the Area under a ROC Curve, 1982). With more than two classes, each
    against the rest by its probability, and the mean over the classes; with several labels a
    sample, the mean over the labels. NaN if a class is true everywhere or nowhere.

    Args:
        average: ``'macro'``, the mean over the classes (the default), or ``'weighted'``, weighted
            by how often each is true.

    Raises:
        ValueError: on another `average`.
    """

    name = "auc"
    tasks = ("binary", "multiclass")
    collects = True

    def __init__(self, average: str = "macro") -> None:
        if average not in ("macro", "weighted"):
            raise ValueError(f"AUC: expected average 'macro' or 'weighted', got {average!r}")
        self.average = average

    def begin(self, task: Task) -> None:
        """Take the task."""
        self.check_task(task)
        self.task = task

    def check_targets(self, task: Task, target: Tensor, what: str) -> None:
        """Refuse targets that are all of one class, or lack one."""
        if target.is_floating_point() and task.kind == "multiclass":
            return
        if task.kind == "binary":
            shares = (target != 0).double().reshape(-1, task.columns).mean(dim=0).tolist()
            if all(0 < share < 1 for share in shares):
                return
            problem = f"label {[0 < s < 1 for s in shares].index(False)} is always the same"
            problem = problem if task.columns > 1 else "all are of one class"
        else:
            missing = {*range(task.classes)} - {*map(int, target.reshape(-1).tolist())}
            if not missing:
                return
            problem = f"class {min(missing)} is missing"
        raise ValueError(
            f"metric {self.name!r}: expected members and others of each class among the targets "
            f"of {what}, but {problem}; split the data by class (stratify), or leave the metric out"
        )

    def compute_all(self, output: Tensor, target: Tensor, weight: Tensor | None) -> float:
        """The area."""
        import numpy as np

        task = self.task
        if task.kind == "binary":
            scores = output.double().reshape(-1, task.columns).numpy()
            true = true_classes(task, output, target).reshape(-1, task.columns).numpy()
            each = weights_like(output, weight).reshape(-1, task.columns)[:, 0].numpy()
        else:
            _, labels, weights = counted(task, output, target, weight)
            each, logs = weights.numpy(), scores_of(task, output).double()
            if task.scores == "logits":
                logs = F.log_softmax(logs, dim=1)
            two = task.classes == 2
            scores = (logs[:, 1:] - logs[:, :1] if two else logs.exp()).numpy()
            true = labels.numpy()[:, None] == (np.array([1]) if two else np.arange(task.classes))
        areas = [_area(scores[:, k], true[:, k], each) for k in range(scores.shape[1])]
        if self.average == "macro":
            return math.fsum(areas) / len(areas)
        truths = [float(each[true[:, k]].sum()) for k in range(scores.shape[1])]
        pairs = zip(areas, truths, strict=True)
        return math.fsum(a * t for a, t in pairs) / math.fsum(truths) if any(truths) else math.nan


def _area(
    score: np.ndarray[Any, Any], true: np.ndarray[Any, Any], weight: np.ndarray[Any, Any]
) -> float:
    """The weight of pairs (member, other) in the right order, by the weight of all pairs."""
    import numpy as np

    positive, negative = float(weight[true].sum()), float(weight[~true].sum())
    if positive == 0 or negative == 0:
        return math.nan
    order = np.argsort(score, kind="stable")
    _, group = np.unique(score[order], return_inverse=True)
    members = np.bincount(group, (weight * true)[order])
    others = np.bincount(group, (weight * ~true)[order])
    below = np.cumsum(others) - others
    return float((members * (below + others / 2)).sum() / (positive * negative))
