"""What a network is asked to do, as metrics have to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from steep._core import Tensor

__all__ = ["Task", "task_of"]

# What the output of a network means to its loss, by the loss's name.
_PROBABILITIES = ("BCELoss", "binary_cross_entropy")
_LOG_PROBABILITIES = ("NLLLoss", "nll_loss")
_BINARY = (
    *("BCELoss", "binary_cross_entropy"),
    *("BCEWithLogitsLoss", "binary_cross_entropy_with_logits"),
)
_CLASSES = ("CrossEntropyLoss", "cross_entropy", "NLLLoss", "nll_loss")
_NUMBERS = (
    *("MSELoss", "mse_loss", "L1Loss", "l1_loss", "HuberLoss", "huber_loss"),
    *("SmoothL1Loss", "smooth_l1_loss", "MSLELoss", "GaussianNLLLoss", "gaussian_nll_loss"),
    *("PoissonNLLLoss", "poisson_nll_loss"),
)


@dataclass(frozen=True)
class Task:
    """What a network is asked to do.

    Attributes:
        kind: ``'binary'`` (one score for each of the targets 0 and 1), ``'multiclass'`` (scores of
            all classes, along axis 1) or ``'regression'``.
        classes: how many classes there are; 2 if binary, 0 in a regression.
        scores: what the network's output holds: ``'logits'``, ``'probabilities'``,
            ``'log-probabilities'``; ``'values'`` in a regression.
        columns: how many numbers a sample has in a regression.
    """

    kind: str
    classes: int = 0
    scores: str = "logits"
    columns: int = 1

    def __str__(self) -> str:
        if self.kind == "multiclass":
            return f"classification into {self.classes} classes"
        return {"binary": "binary classification"}.get(self.kind, self.kind)


def task_of(loss: Any, output: Tensor, target: Tensor) -> Task:
    """The task that a loss, an output and a target of one batch stand for.

    Known losses decide by their names. With others, integer targets of fewer dimensions than the
    output are classes, integer or boolean ones of the same shape are binary, and floating ones make
    a regression.
    """
    name = _name_of(loss)
    scores = "logits"
    if name in _PROBABILITIES:
        scores = "probabilities"
    elif name in _LOG_PROBABILITIES:
        scores = "log-probabilities"
    same = tuple(output.shape) == tuple(target.shape)
    if name in _CLASSES or (not target.is_floating_point() and not same and output.dim() > 1):
        axis = 1 if output.dim() > 1 else 0
        return Task("multiclass", int(output.shape[axis]), scores)
    if name in _BINARY or not target.is_floating_point():
        return Task("binary", 2, scores)
    columns = 1
    for size in output.shape[1:]:
        columns *= int(size)
    return Task("regression", scores="values", columns=columns)


def is_known(loss: Any) -> bool:
    """Whether the loss's name says what the task is."""
    return _name_of(loss) in (*_BINARY, *_CLASSES, *_NUMBERS)


def _name_of(loss: Any) -> str:
    kinds = [kind.__name__ for kind in type(loss).__mro__]
    for name in (getattr(loss, "__name__", ""), *kinds):
        if name in (*_BINARY, *_CLASSES, *_NUMBERS):
            return str(name)
    return ""
