"""The array API's functions for order, places and values that are there once."""

from __future__ import annotations

from typing import Any, NamedTuple

from steep import _core
from steep._core import Tensor, arange, full, int64

__all__ = [
    "argsort",
    "clip",
    "nonzero",
    "searchsorted",
    "sort",
    "take",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """No less and no more than bounds."""
    return x.clone() if min is None and max is None else x.clamp(min, max)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order."""
    return x.sort(axis, descending)[0]


def argsort(
    x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """The places of the elements in order."""
    return x.sort(axis, descending)[1]


def searchsorted(
    x1: Tensor, x2: Tensor, /, *, side: str = "left", sorter: Tensor | None = None
) -> Tensor:
    """Where elements belong in a row in order."""
    row = x1 if sorter is None else x1[sorter]
    return _core.searchsorted(row, x2, side=side)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The places of the elements that are not 0, by dimension."""
    return tuple(x.nonzero(as_tuple=True))


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The rows that an index names."""
    return x.index_select(0 if axis is None else axis, indices)


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Tensor, /) -> UniqueAll:
    """Each value once, where it is first, which one each element is, and how often."""
    values, inverse, counts = x.unique(return_inverse=True, return_counts=True)
    flat = inverse.reshape(-1)
    first = full((values.shape[0],), flat.shape[0], dtype=int64)
    first = first.scatter_reduce(0, flat, arange(flat.shape[0]), "amin")
    return UniqueAll(values, first, inverse, counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """Each value once, and how often it is there."""
    return UniqueCounts(*x.unique(return_counts=True))


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """Each value once, and which one each element is."""
    return UniqueInverse(*x.unique(return_inverse=True))


def unique_values(x: Tensor, /) -> Tensor:
    """Each value once."""
    return x.unique()  # type: ignore[return-value]  # without indices it is one tensor
