"""Gaussian elimination of batches, which NumPy has only inside of other functions."""

from __future__ import annotations

from math import prod
from typing import Any

from steep._core import Tensor, float64
from steep.linalg._numpy import by_numpy

__all__ = ["eliminate", "order_of"]

# Columns that are eliminated one by one before the rest is updated by one product.
BLOCK = 32


def eliminate(x: Tensor, pivot: bool) -> tuple[Tensor, Tensor, Tensor]:
    """L and U in one matrix, the swaps counted from 1 (int32), and the order of the rows (int64).

    Where a whole column is 0, its pivot is 0, and what is left of U there, as LAPACK has it.
    """
    import numpy as np

    rows = x.shape[-2]

    def factor(given: Any) -> Any:
        a = np.array(given).reshape(prod(given.shape[:-2]), *given.shape[-2:])
        swaps = _eliminate(a, pivot).reshape(*given.shape[:-2], min(given.shape[-2:]))
        return a.reshape(given.shape), swaps, _order(swaps, rows)

    found: tuple[Tensor, Tensor, Tensor] = by_numpy(
        "lu", factor, x, dtype=("float64" if x.dtype == float64 else "float32", np.int32, np.int64)
    )
    return found


def _eliminate(a: Any, pivot: bool) -> Any:
    """Overwrites the batch; returns the swaps, counted from 1."""
    import numpy as np

    count = min(a.shape[-2:])
    pivots = np.tile(np.arange(1, count + 1), (len(a), 1))
    for start in range(0, count, BLOCK):
        end = min(start + BLOCK, count)
        for j in range(start, end):
            if pivot:
                pivots[:, j] = j + 1 + np.abs(a[:, j:, j]).argmax(1)
                _swap(a, j, pivots[:, j] - 1)
            _clear_column(a, j, end)
        if end < a.shape[-1]:
            unit = np.tril(a[:, start:end, start:end], -1) + np.eye(end - start, dtype=a.dtype)
            a[:, start:end, end:] = np.linalg.solve(unit, a[:, start:end, end:])
            a[:, end:, end:] -= a[:, end:, start:end] @ a[:, start:end, end:]
    return pivots


def _swap(a: Any, j: int, other: Any) -> None:
    import numpy as np

    batch = np.arange(len(a))
    row = a[:, j].copy()
    a[:, j] = a[batch, other]
    a[batch, other] = row


def _clear_column(a: Any, j: int, end: int) -> None:
    """The factors of column j below the diagonal, and what they take off the block's columns."""
    import numpy as np

    diagonal = a[:, j, j, None]
    a[:, j + 1 :, j] /= np.where(diagonal == 0, 1, diagonal)
    a[:, j + 1 :, j + 1 : end] -= a[:, j + 1 :, j, None] * a[:, None, j, j + 1 : end]


def order_of(op: str, pivots: Tensor, rows: int) -> Tensor:
    """Where the rows of P^T A come from, by the swaps that were made one after the other."""
    import numpy as np

    def order(given: Any) -> Any:
        if given.size and not (given.min() >= 1 and given.max() <= rows):
            raise RuntimeError(
                f"linalg.{op}: expected pivots from 1 to {rows}, the rows of the factors"
            )
        return _order(given, rows)

    found: Tensor = by_numpy(op, order, pivots, dtype=np.int64)
    return found


def _order(pivots: Any, rows: int) -> Any:
    import numpy as np

    swaps = pivots.astype(np.int64).reshape(prod(pivots.shape[:-1]), pivots.shape[-1]) - 1
    order = np.tile(np.arange(rows), (len(swaps), 1))
    for j in range(swaps.shape[1]):
        _swap(order[..., None], j, swaps[:, j])
    return order.reshape(*pivots.shape[:-1], rows)
