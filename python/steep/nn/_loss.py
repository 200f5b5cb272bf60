"""What losses have in common: their reduction, and the weights of their classes."""

from __future__ import annotations

import inspect
import warnings

from steep._core import Tensor
from steep.nn.module import Module


def _depth_of_caller() -> int:
    """How many frames up the code is that made the loss: the first outside of this package."""
    depth, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__package__") == __package__:
        depth, frame = depth + 1, frame.f_back
    return depth


def _from_older(name: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that PyTorch's older arguments stand for, with its warning."""
    for argument, value in (("size_average", size_average), ("reduce", reduce)):
        if not isinstance(value, (bool, type(None))):
            raise TypeError(
                f"{name}: expected {argument} to be a bool, got {value!r}; "
                "name the argument, as in reduction='sum'"
            )
    summed = "sum" if size_average is False else "mean"
    reduction = "none" if reduce is False else summed
    warnings.warn(
        "size_average and reduce args will be deprecated, please use "
        f"reduction='{reduction}' instead.",
        UserWarning,
        stacklevel=_depth_of_caller(),
    )
    return reduction


class _Loss(Module):
    reduction: str
    _reductions: tuple[str, ...] = ("none", "mean", "sum")

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = _from_older(type(self).__name__, size_average, reduce)
        if reduction not in self._reductions:
            raise ValueError(
                f"{type(self).__name__}: expected reduction to be one of "
                f"{', '.join(map(repr, self._reductions))}, got {reduction!r}"
            )
        self.reduction = reduction


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None,
        size_average: bool | None,
        ignore_index: int,
        reduce: bool | None,
        reduction: str,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
