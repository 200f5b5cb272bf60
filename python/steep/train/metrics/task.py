"""What a network is asked to do, as metrics have to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from steep._core import Tensor

__all__ = ["Task", "check_classes", "task_of"]

# What the output of a network means to its loss, by the loss's name.
_PROBABILITIES = ("BCELoss", "binary_cross_entropy")
_LOG_PROBABILITIES = ("NLLLoss", "nll_loss")
_BINARY = (
    *("BCELoss", "binary_cross_entropy"),
    *("BCEWithLogitsLoss", "binary_cross_entropy_with_logits"),
    *("MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss"),
)
_CLASSES = (
    *("CrossEntropyLoss", "cross_entropy", "NLLLoss", "nll_loss"),
    *("MultiMarginLoss", "multi_margin_loss", "FocalLoss", "focal_loss"),
)
_NUMBERS = (
    *("MSELoss", "mse_loss", "L1Loss", "l1_loss", "HuberLoss", "huber_loss"),
    *("SmoothL1Loss", "smooth_l1_loss", "MSLELoss", "GaussianNLLLoss", "gaussian_nll_loss"),
    *("PoissonNLLLoss", "poisson_nll_loss"),
)
_IGNORED = -100  # the target that the losses of classes leave out unless they are told otherwise


@dataclass(frozen=True)
class Task:
    """What a network is asked to do.

    Attributes:
        kind: ``'binary'`` (one score for each of the targets 0 and 1), ``'multiclass'`` (scores of
            all classes, along axis 1) or ``'regression'``.
        classes: how many classes there are; 2 if binary, 0 in a regression.
        scores: what the network's output holds: ``'logits'``, ``'probabilities'``,
            ``'log-probabilities'``; ``'values'`` in a regression.
        columns: how many numbers a sample has in a regression, or how many labels, each of them 0
            or 1, if binary.
        ignored: the class of targets that do not count, or ``None`` if there are none.
    """

    kind: str
    classes: int = 0
    scores: str = "logits"
    columns: int = 1
    ignored: int | None = None

    def __str__(self) -> str:
        if self.kind == "multiclass":
            return f"classification into {self.classes} classes"
        if self.kind == "binary" and self.columns > 1:
            return f"classification by {self.columns} labels"
        return {"binary": "binary classification"}.get(self.kind, self.kind)


def task_of(loss: Any, output: Tensor, target: Tensor, targets: Tensor | None = None) -> Task:
    """The task that a loss, an output and a target of one batch stand for.

    Known losses decide by their names. With others, integer targets of fewer dimensions than the
    output are classes, integer or boolean ones of the same shape are binary, and floating ones make
    a regression.

    Args:
        loss: module or function.
        output: of the network for some samples.
        target: theirs.
        targets: those of all samples, where they are at hand: they tell whether any is ignored.
    """
    name = _name_of(loss)
    scores = "logits"
    if name in _PROBABILITIES:
        scores = "probabilities"
    elif name in _LOG_PROBABILITIES:
        scores = "log-probabilities"
    whole = not target.is_floating_point()
    same = tuple(output.shape) == tuple(target.shape)
    if name in _CLASSES or (not name and whole and not same and output.dim() > 1):
        axis = 1 if output.dim() > 1 else 0
        ignored = _ignored(loss, targets) if whole else None
        return Task("multiclass", int(output.shape[axis]), scores, ignored=ignored)
    columns = 1
    for size in output.shape[1:]:
        columns *= int(size)
    if name in _BINARY or (not name and whole):
        return Task("binary", 2, scores, columns)
    return Task("regression", scores="values", columns=columns)


def check_classes(who: str, what: str, loss: Any, task: Task, targets: Tensor) -> None:
    """Look at all targets of a part, where classes are predicted.

    Raises:
        ValueError: if one is no class.
    """
    if task.kind != "multiclass" or targets.is_floating_point():
        return
    ignored = int(getattr(loss, "ignore_index", _IGNORED))
    wrong = ((targets < 0) | (targets >= task.classes)) & (targets != ignored)
    if bool(wrong.any()):
        found = targets.reshape(-1)[int(wrong.reshape(-1).long().argmax())].item()
        raise ValueError(
            f"{who}: expected classes from 0 to {task.classes - 1} in y of {what}, as many as the "
            f"model has scores, got {found}"
        )


def _ignored(loss: Any, targets: Tensor | None) -> int | None:
    """The class that does not count. Where all targets are seen, only if one of them is of it."""
    ignored = int(getattr(loss, "ignore_index", _IGNORED))
    return None if targets is not None and not bool((targets == ignored).any()) else ignored


def _name_of(loss: Any) -> str:
    kinds = [kind.__name__ for kind in type(loss).__mro__]
    for name in (getattr(loss, "__name__", ""), *kinds):
        if name in (*_BINARY, *_CLASSES, *_NUMBERS):
            return str(name)
    return ""
