"""Sorting, ranks, distinct elements, search and quantiles.

A sorted array is a move of elements: its gradient moves back (see `steep.reference.shape.collect`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steep.reference.registry import Array, normalize_dim, register, wide
from steep.reference.shape import collect


def order_of(input: Array, dim: int, descending: bool) -> Array:
    """The places of a dimension's elements in order; equal ones keep theirs, nan comes last."""
    x = np.atleast_1d(input)
    if not descending:
        return np.argsort(x, dim, kind="stable")
    ranks = np.argsort(np.argsort(x, dim, kind="stable"), dim)
    same = np.take_along_axis(x, np.argsort(x, dim, kind="stable"), dim)
    steps = (same != np.roll(same, 1, dim)) & ~(
        np.isnan(wide(same)) & np.isnan(wide(np.roll(same, 1, dim)))
    )
    steps = np.moveaxis(steps, dim, 0)
    steps[:1] = False
    groups = np.take_along_axis(np.moveaxis(np.cumsum(steps, 0), 0, dim), ranks, dim)
    return np.argsort(-groups, dim, kind="stable")


def picked(input: Array, places: Array, dim: int) -> tuple[Array, Array]:
    """The elements at places along a dimension, and the places."""
    values = np.take_along_axis(np.atleast_1d(input), places, dim)
    if not input.ndim:
        return values.reshape(()), places.reshape(())
    return values, places


def sort(
    input: Array, dim: int = -1, descending: bool = False, stable: bool = False
) -> tuple[Array, Array]:
    """The elements in order, and where they were."""
    return picked(input, order_of(input, dim, descending), dim)


def topk(
    input: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Array, Array]:
    """The first k of the elements in order."""
    places = np.take(order_of(input, dim, largest), np.arange(k), dim)
    return picked(input, places, dim)


def moved_back(grad: Any, input: Array, places: Array, dim: int) -> tuple[Array]:
    """The gradient of `picked`."""
    numbers = np.arange(input.size).reshape(input.shape)
    moved = np.take_along_axis(np.atleast_1d(numbers), np.atleast_1d(places), dim)
    return (collect(grad[0], moved, input.size).reshape(input.shape),)


def sort_gradient(
    grad: Any, input: Array, dim: int = -1, *args: Any, **kwargs: Any
) -> tuple[Array]:
    """Each element's gradient goes back to where it was."""
    return moved_back(grad, input, sort(input, dim, *args, **kwargs)[1], dim)


def topk_gradient(
    grad: Any, input: Array, k: int, dim: int = -1, *args: Any, **kwargs: Any
) -> tuple[Array]:
    """The same, and none for the others."""
    return moved_back(grad, input, topk(input, k, dim, *args, **kwargs)[1], dim)


def _dropped(pair: tuple[Array, Array], input: Array, dim: int, keepdim: bool) -> Any:
    if keepdim or not input.ndim:
        return pair
    return tuple(np.squeeze(part, dim) for part in pair)


def kthvalue(input: Array, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element."""
    places = np.take(order_of(input, dim, False), [k - 1], dim)
    return _dropped(picked(input, places, dim), input, dim, keepdim)


def median_along(input: Array, dim: int = -1, keepdim: bool = False) -> Any:
    """The lower one in the middle, or the first nan."""
    x = np.atleast_1d(input)
    nans = np.isnan(wide(x)).sum(dim, keepdims=True)
    n = x.shape[dim]
    rank = np.where(nans > 0, n - nans, (n - 1) // 2)
    places = np.take_along_axis(order_of(input, dim, False), rank, dim)
    return _dropped(picked(input, places, dim), input, dim, keepdim)


def nanmedian_along(input: Array, dim: int = -1, keepdim: bool = False) -> Any:
    """The lower one in the middle of the numbers."""
    x = np.atleast_1d(input)
    numbers = (~np.isnan(wide(x))).sum(dim, keepdims=True)
    rank = np.maximum(numbers - 1, 0) // 2
    places = np.take_along_axis(order_of(input, dim, False), rank, dim)
    return _dropped(picked(input, places, dim), input, dim, keepdim)


def _end_of_longest_run(row: Array) -> int:
    order = np.argsort(row, kind="stable")
    longest = run = end = 0
    for i, place in enumerate(order):
        run = run + 1 if i and row[place] == row[order[i - 1]] else 1
        if run > longest:
            longest, end = run, int(place)
    return end


def mode(input: Array, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element, the smallest of several, and where it is last."""
    axis = normalize_dim(dim, input.ndim)
    rows = np.moveaxis(np.atleast_1d(input), axis, -1)
    places = np.empty(rows.shape[:-1], np.int64)
    for at in np.ndindex(places.shape):
        places[at] = _end_of_longest_run(rows[at])
    return _dropped(picked(input, np.expand_dims(places, axis), axis), input, axis, keepdim)


def _quantile(function: Any) -> Any:
    def forward(
        input: Array,
        q: Any,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
    ) -> Array:
        out = function(
            wide(input), wide(np.asarray(q)), axis=dim, keepdims=keepdim, method=interpolation
        )
        return np.asarray(out).astype(input.dtype)

    return forward


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Array:
    """Membership."""
    return np.asarray(np.isin(elements, test_elements, invert=invert))


def searchsorted(
    sorted_sequence: Array,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Array | None = None,
) -> Array:
    """Places by rows."""
    way: Any = side or ("right" if right else "left")
    values = np.asarray(input)
    kind = np.int32 if out_int32 else np.int64
    if sorted_sequence.ndim == 1:
        return np.asarray(np.searchsorted(sorted_sequence, values, way, sorter)).astype(kind)
    out = np.empty(values.shape, kind)
    for at in np.ndindex(values.shape[:-1]):
        order = None if sorter is None else sorter[at]
        out[at] = np.searchsorted(sorted_sequence[at], values[at], way, order)
    return out


def bincount(input: Array, weights: Array | None = None, minlength: int = 0) -> Array:
    """Counts, or sums of weights."""
    counts = np.bincount(input, None if weights is None else wide(weights), minlength)
    if weights is None:
        return counts.astype(np.int64)
    return counts.astype(np.float32 if weights.dtype == np.float32 else np.float64)


def histc(input: Array, bins: int = 100, min: float = 0, max: float = 0) -> Array:
    """Counts in equal bins of a range, both ends included."""
    low, high = (input.min(), input.max()) if min == max and input.size else (min, max)
    if low == high:
        low, high = low - 1, high + 1
    return np.histogram(wide(input), bins, (low, high))[0].astype(input.dtype)


def unique(
    input: Array,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements, or slices."""
    find: Any = np.unique
    out = find(input, return_inverse=return_inverse, return_counts=return_counts, axis=dim)
    if not isinstance(out, tuple):
        return out
    parts = [out[0], *(part.astype(np.int64) for part in out[1:])]
    if return_inverse:
        parts[1] = parts[1].reshape(input.shape if dim is None else -1)
    return tuple(parts)


def unique_consecutive(
    input: Array, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Those that differ from the one before."""
    rows = input.reshape(-1, 1) if dim is None else np.moveaxis(input, dim, 0)
    flat = rows.reshape(len(rows), -1)
    new = np.ones(len(flat), bool)
    new[1:] = (flat[1:] != flat[:-1]).any(1)
    places = np.flatnonzero(new)
    picked = rows[places]
    out = [picked.reshape(-1) if dim is None else np.moveaxis(picked, 0, dim)]
    if return_inverse:
        inverse = np.cumsum(new) - 1
        out.append(inverse.reshape(input.shape) if dim is None else inverse)
    if return_counts:
        out.append(np.diff(np.append(places, len(flat))).astype(np.int64))
    return tuple(out) if len(out) > 1 else out[0]


register("sort", sort, sort_gradient)
register("topk", topk, topk_gradient)
register("argsort", lambda input, *args, **kwargs: sort(input, *args, **kwargs)[1])
register("msort", lambda input: sort(input, 0)[0])
register("kthvalue", kthvalue)
register("median", lambda input: median_along(input.reshape(-1))[0])
register("nanmedian", lambda input: nanmedian_along(input.reshape(-1))[0])
register("median_along", median_along)
register("nanmedian_along", nanmedian_along)
register("mode", mode)
register("quantile", _quantile(np.quantile), arrays=("input", "q"))
register("nanquantile", _quantile(np.nanquantile), arrays=("input", "q"))
register("isin", isin, arrays=("elements", "test_elements"))
register("searchsorted", searchsorted, arrays=("sorted_sequence", "input", "sorter"))
register(
    "bucketize",
    lambda input, boundaries, **kwargs: searchsorted(boundaries, input, **kwargs),
    arrays=("input", "boundaries"),
)
register("bincount", bincount, arrays=("input", "weights"))
register("histc", histc)
register("unique", unique)
register("unique_consecutive", unique_consecutive)
