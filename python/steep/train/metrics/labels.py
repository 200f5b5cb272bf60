"""From outputs and targets to classes."""

from __future__ import annotations

from steep._core import Tensor
from steep.train.metrics.task import Task

__all__ = ["classes_of", "predicted", "rows_of", "weights_of"]


def predicted(task: Task, output: Tensor) -> Tensor:
    """Predicted class of each target: the largest score, or whether it is above a half."""
    if task.kind == "multiclass":
        return output.argmax(dim=1 if output.dim() > 1 else 0)
    return output > (0.5 if task.scores == "probabilities" else 0.0)


def classes_of(task: Task, output: Tensor, target: Tensor) -> Tensor:
    """Class of each target, in the shape of `predicted`; of probabilities the largest."""
    if task.kind == "multiclass":
        soft = target.is_floating_point() and target.dim() == output.dim()
        return target.argmax(dim=1 if target.dim() > 1 else 0) if soft else target
    return target > 0.5 if target.is_floating_point() else target != 0


def weights_of(weight: Tensor, like: Tensor) -> Tensor:
    """A weight for each element of `like`, of the samples along its first axis."""
    return weight.reshape([-1] + [1] * (like.dim() - 1)).double().broadcast_to(like.shape)


def rows_of(task: Task, output: Tensor) -> Tensor:
    """The scores with one row for each target: ``(N, C)``, of ``(N, C, *)`` too."""
    if output.dim() <= 2:
        return output
    return output.movedim(1, -1).reshape(-1, task.classes)
