"""A training set as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import steep
from steep._core import Tensor

__all__ = ["Samples", "floats"]


def floats(x: Any, dtype: str) -> Tensor:
    """An array as a contiguous tensor of a dtype; sparse matrices are filled up.

    Raises:
        ValueError: if a number is too large for the dtype.
    """
    if hasattr(x, "toarray"):
        x = x.toarray()
    with np.errstate(over="ignore"):
        array = np.array(x, dtype=dtype, order="C")
    if array.dtype != np.float64 and not np.isfinite(array).all():
        raise ValueError(
            f"X contains infinity or a value too large for {dtype}; scale it first (StandardScaler)"
        )
    return steep.from_numpy(array)


@dataclass(frozen=True)
class Samples:
    """What a network is trained on.

    Attributes:
        inputs: the network's arguments, each [rows, ...].
        target: as the loss wants it, [rows] or [rows, outputs].
        weight: of each sample, [rows], or ``None``.
    """

    inputs: tuple[Tensor, ...]
    target: Tensor
    weight: Tensor | None

    def __len__(self) -> int:
        return int(self.target.shape[0])

    def between(self, begin: int, end: int) -> Samples:
        """The samples from one position to another."""
        weight = None if self.weight is None else self.weight[begin:end]
        return Samples(tuple(x[begin:end] for x in self.inputs), self.target[begin:end], weight)

    def take(self, rows: Tensor) -> Samples:
        """The samples at some positions, in their order."""
        weight = None if self.weight is None else self.weight[rows]
        return Samples(tuple(x[rows] for x in self.inputs), self.target[rows], weight)
