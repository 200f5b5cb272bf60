"""From outputs and targets to classes, and to the weights with which they count."""

from __future__ import annotations

from steep._core import Tensor, arange, float64, int64, ones, where
from steep.train.metrics.task import Task

__all__ = ["counted", "predicted", "scores_of", "true_classes", "weights_like"]


def predicted(task: Task, output: Tensor) -> Tensor:
    """Predicted class of each target: the largest score, or whether it is above a half."""
    if task.kind == "multiclass":
        return output.argmax(dim=1 if output.dim() > 1 else 0)
    return output > (0.5 if task.scores == "probabilities" else 0.0)


def true_classes(task: Task, output: Tensor, target: Tensor) -> Tensor:
    """Class of each target, in the shape of `predicted`; of probabilities the largest."""
    if task.kind == "multiclass":
        soft = target.is_floating_point() and target.dim() == output.dim()
        return target.argmax(dim=1 if target.dim() > 1 else 0) if soft else target
    return target > 0.5 if target.is_floating_point() else target != 0


def weights_like(target: Tensor, weight: Tensor | None) -> Tensor:
    """A float64 weight for each element of `target`: that of its sample, or 1."""
    if weight is None:
        return ones(tuple(target.shape), dtype=float64)
    each = weight.double().reshape([-1] + [1] * (target.dim() - 1))
    return each.broadcast_to(tuple(target.shape))


def counted(
    task: Task, output: Tensor, target: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Predicted and true classes, int64 ``(M,)``, and the weights of these M targets.

    Ignored targets are of class 0, with weight 0. With several labels a sample, label k is the
    classes 2 k (no) and 2 k + 1 (yes).
    """
    guess, true = predicted(task, output), true_classes(task, output, target)
    weights = weights_like(true, weight)
    guess, true = guess.to(int64), true.to(int64)
    if task.ignored is not None:
        valid = true != task.ignored
        weights = where(valid, weights, 0.0)
        true = where(valid, true, 0)
    if task.kind == "binary" and task.columns > 1:
        offsets = 2 * _numbers(task.columns).reshape(1, -1)
        guess = guess.reshape(-1, task.columns) + offsets
        true = true.reshape(-1, task.columns) + offsets
    return guess.reshape(-1), true.reshape(-1), weights.reshape(-1)


def _numbers(count: int) -> Tensor:
    return arange(count)


def scores_of(task: Task, output: Tensor) -> Tensor:
    """The scores with one row for each target: ``(M, C)``, of ``(N, C, *)`` too."""
    if output.dim() == 1:
        return output.reshape(1, -1)
    if output.dim() == 2:
        return output
    return output.movedim(1, -1).reshape(-1, task.classes)
