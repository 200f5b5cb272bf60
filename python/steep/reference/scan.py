"""Running products and extremes, reductions that leave out nan, distances and covariances."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep.reference.reduce import sum_ as total
from steep.reference.registry import Array, float_type, normalize_dim, register, wide

Dims = Any


def _scanned(input: Array, dim: int, combine: Any) -> Array:
    """``out[i] = combine(out[i - 1], input[i])``."""
    x = np.atleast_1d(input)
    out: Array = x.copy()
    rows = np.moveaxis(out, normalize_dim(dim, input.ndim), 0)
    for i in range(1, len(rows)):
        rows[i] = combine(rows[i - 1], rows[i])
    return out.reshape(input.shape)


def cumprod(input: Array, dim: int, *, dtype: Any = None) -> Array:
    """Products of the elements so far."""
    kind = np.dtype(dtype or (input.dtype if input.dtype.kind == "f" else np.int64))
    return _scanned(wide(input.astype(kind)), dim, lambda a, b: a * b).astype(kind)


def _extreme(input: Array, dim: int, better: Any) -> tuple[Array, Array]:
    axis = normalize_dim(dim, input.ndim)
    x = np.moveaxis(np.atleast_1d(input), axis, 0)
    values, places = x.copy(), np.zeros(x.shape, np.int64)
    for i in range(1, len(x)):
        nan = x[i] != x[i]
        known = values[i - 1] == values[i - 1]
        take = nan | (known & better(x[i], values[i - 1]))
        values[i] = np.where(take, x[i], values[i - 1])
        places[i] = np.where(take, i, places[i - 1])
    parts = (np.moveaxis(part, 0, axis).reshape(input.shape) for part in (values, places))
    first, second = parts
    return first, second


def logcumsumexp(input: Array, dim: int) -> Array:
    """Logarithms of sums of exponentials so far."""
    return _scanned(wide(input), dim, np.logaddexp).astype(input.dtype)


def _numbers(input: Array) -> Array:
    return np.where(np.isnan(input), 0, input) if input.dtype.kind == "f" else input


def nanmean(input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    """The mean of the numbers."""
    axes = tuple(dim) if isinstance(dim, list | tuple) else dim
    count = (~np.isnan(input)).sum(axis=axes, keepdims=keepdim)
    out = wide(_numbers(input)).sum(axis=axes, keepdims=keepdim) / count
    return np.asarray(out).astype(dtype or input.dtype)


def count_nonzero(input: Array, dim: Dims = None) -> Array:
    """How many differ from 0."""
    axes = tuple(dim) if isinstance(dim, list | tuple) else dim
    return np.asarray(np.count_nonzero(input, axis=axes)).astype(np.int64)


def aminmax(input: Array, *, dim: int | None = None, keepdim: bool = False) -> tuple[Array, Array]:
    """Both extremes."""
    axis = dim if input.ndim else None
    low = np.asarray(input.min(axis=axis, keepdims=keepdim))
    return low, np.asarray(input.max(axis=axis, keepdims=keepdim))


def _length(x: Array, p: float, axis: int | None = None) -> Array:
    a = np.abs(x)
    if p == 0:
        return np.asarray((a != 0).sum(axis=axis)).astype(np.float64)
    if np.isinf(p):
        return np.asarray(a.max(axis=axis))
    return np.asarray((a**p).sum(axis=axis) ** (1 / p))


def dist(input: Array, other: Array, p: float = 2) -> Array:
    """The p-norm of the difference."""
    return _length(wide(input) - wide(other), p).astype(input.dtype)


def cdist(x1: Array, x2: Array, p: float = 2.0, compute_mode: str = "") -> Array:
    """The p-norm of the difference of each pair of rows."""
    gaps = wide(x1)[..., :, None, :] - wide(x2)[..., None, :, :]
    return _length(gaps, p, -1).astype(x1.dtype)


def diff(
    input: Array,
    n: int = 1,
    dim: int = -1,
    prepend: Array | None = None,
    append: Array | None = None,
) -> Array:
    """Differences of neighbours."""
    if n == 0:
        return input
    ends = {name: x for name, x in (("prepend", prepend), ("append", append)) if x is not None}
    return np.asarray(np.diff(input, n, dim, **ends))


def cov(
    input: Array,
    *,
    correction: int = 1,
    fweights: Array | None = None,
    aweights: Array | None = None,
) -> Array:
    """Covariances of rows."""
    weights = None if aweights is None else wide(aweights)
    out = np.cov(wide(input), ddof=correction, fweights=fweights, aweights=weights)
    return np.asarray(out).astype(float_type(input.dtype))


register("cumprod", cumprod)
register("cummax", lambda input, dim: _extreme(input, dim, np.greater_equal))
register("cummin", lambda input, dim: _extreme(input, dim, np.less_equal))
register("logcumsumexp", logcumsumexp)
register("nansum", lambda input, *args, **kwargs: total(_numbers(input), *args, **kwargs))
register("nanmean", nanmean)
register("count_nonzero", count_nonzero)
register("aminmax", aminmax)
register("dist", dist, arrays=("input", "other"))
register("cdist", cdist, arrays=("x1", "x2"))
register("diff", diff, arrays=("input", "prepend", "append"))
register("cov", cov, arrays=("input", "fweights", "aweights"))
register(
    "corrcoef",
    lambda input: np.asarray(np.corrcoef(wide(input))).astype(float_type(input.dtype)),
)
