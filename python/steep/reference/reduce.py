"""Reductions over any dimensions.

Sums, means and variances are their definitions (variance with Bessel's correction); log-sum-exp is
shifted by its maximum (Blanchard, Higham & Higham 2021).  In a tie, `amax`, `amin` and the maximum
and minimum of a whole array share the gradient evenly; ``max(dim)`` and ``min(dim)`` give it to the
index they return, which is that of the first.  A NaN wins every comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steep.reference.registry import Array, DType, normalize_dim, normalize_dims, register, wide

Dims = int | Sequence[int] | None


def spread(reduced: Array, shape: tuple[int, ...], dim: Dims, keepdim: bool) -> Array:
    """Bring back the reduced dimensions of `reduced` and broadcast it to `shape`."""
    dims = normalize_dims(dim, len(shape))
    kept = tuple(1 if i in dims else n for i, n in enumerate(shape))
    return np.broadcast_to(np.asarray(reduced).reshape(kept), shape)


def _axes(x: Array, dim: Dims) -> tuple[int, ...]:
    dims = normalize_dims(dim, x.ndim)
    return dims if x.ndim else ()


def _total_type(x: Array, dtype: DType) -> np.dtype[Any]:
    """The dtype of a sum: `dtype` if given; integers and bool are counted in int64."""
    if dtype is not None:
        return np.dtype(dtype)
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.int64)


def sum_(input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None) -> Array:
    """The sum."""
    total = _total_type(input, dtype)
    x = wide(np.asarray(input).astype(total))
    return np.asarray(x.sum(axis=_axes(x, dim), keepdims=keepdim)).astype(total)


def sum_gradient(
    grad: Array, input: Array, dim: Dims = None, keepdim: bool = False, **_: Any
) -> tuple[Array]:
    """Every term has derivative 1."""
    return (spread(wide(grad), input.shape, dim, keepdim),)


def mean(input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None) -> Array:
    """The sum divided by the number of terms; NaN of none."""
    result = np.dtype(dtype or input.dtype)
    _require_float("mean", result)
    x = wide(input)
    total = np.asarray(x.sum(axis=_axes(x, dim), keepdims=keepdim))
    return np.asarray(total / _count(x, dim)).astype(result)


def mean_gradient(
    grad: Array, input: Array, dim: Dims = None, keepdim: bool = False, **_: Any
) -> tuple[Array]:
    """Every term has derivative 1 / n."""
    return (spread(wide(grad), input.shape, dim, keepdim) / _count(input, dim),)


def _require_float(op: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind != "f":
        raise RuntimeError(f"{op}: expected a float dtype, got {dtype}; convert the array first")


def _count(x: Array, dim: Dims) -> Any:
    return np.float64(np.prod([x.shape[i] for i in _axes(x, dim)], dtype=np.int64))


def _degrees(x: Array, dim: Dims, correction: float) -> Any:
    """What a sum of squares is divided by; nothing has no spread, whatever the correction."""
    n = _count(x, dim)
    return np.maximum(0, n - correction) if n else np.nan


def _deviation(x: Array, dim: Dims) -> Array:
    average = np.asarray(x.sum(axis=_axes(x, dim), keepdims=True) / _count(x, dim))
    return np.asarray(x - average)


def var(input: Array, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Array:
    """The sum of squared deviations from the mean, divided by ``max(0, n - correction)``."""
    _require_float("var", input.dtype)
    x = wide(input)
    squares = np.asarray((_deviation(x, dim) ** 2).sum(axis=_axes(x, dim), keepdims=keepdim))
    return np.asarray(squares / _degrees(x, dim, correction)).astype(input.dtype)


def var_gradient(
    grad: Array, input: Array, dim: Dims = None, *, correction: float = 1, keepdim: bool = False
) -> tuple[Array]:
    """``2 (x - mean) / (n - correction)``: what the mean itself adds cancels."""
    x = wide(input)
    g = spread(wide(grad), x.shape, dim, keepdim)
    return (g * 2 * _deviation(x, dim) / _degrees(x, dim, correction),)


def std(input: Array, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Array:
    """The square root of the variance."""
    _require_float("std", input.dtype)
    variance = var(wide(input), dim, correction=correction, keepdim=keepdim)
    return np.asarray(np.sqrt(variance)).astype(input.dtype)


def std_gradient(
    grad: Array, input: Array, dim: Dims = None, *, correction: float = 1, keepdim: bool = False
) -> tuple[Array]:
    """The chain rule through the root; 0 where the deviation is 0."""
    root = std(wide(input), dim, correction=correction, keepdim=keepdim)
    g = np.where(root == 0, 0, wide(grad) / (2 * root))
    return var_gradient(g, input, dim, correction=correction, keepdim=keepdim)


def _with_mean(deviation: Callable[..., Array], rule: Callable[..., tuple[Array]]) -> Any:
    """``var_mean`` or ``std_mean`` and its gradient, from the function that it joins to `mean`."""

    def forward(
        input: Array, dim: Dims = None, *, correction: float = 1, keepdim: bool = False
    ) -> tuple[Array, Array]:
        spread_out = deviation(input, dim, correction=correction, keepdim=keepdim)
        return spread_out, mean(input, dim, keepdim)

    def gradient(
        grad: Any, input: Array, dim: Dims = None, *, correction: float = 1, keepdim: bool = False
    ) -> tuple[Array]:
        (by_spread,) = rule(grad[0], input, dim, correction=correction, keepdim=keepdim)
        (by_mean,) = mean_gradient(grad[1], input, dim, keepdim)
        return (by_spread + by_mean,)

    return forward, gradient


def _matrices(x: Array, dim: Dims) -> Array:
    return np.moveaxis(x, _axes(x, dim), (-2, -1))


def _kept(x: Array, dim: Dims) -> tuple[int, ...]:
    return tuple(1 if d in _axes(x, dim) else n for d, n in enumerate(x.shape))


def norm(
    input: Array, p: Any = 2, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None
) -> Array:
    """``sum(|x|^p)^(1/p)``; the greatest or least ``|x|`` for infinite p, their count for 0.

    "fro" is 2; "nuc" is the sum of the singular values of the matrices that two dimensions make.
    """
    result = np.dtype(dtype or input.dtype)
    _require_float("norm", result)
    if p == "nuc":
        values = np.linalg.svd(_matrices(wide(input), dim), compute_uv=False).sum(-1)
        return np.asarray(values.reshape(_kept(input, dim)) if keepdim else values).astype(result)
    size = np.abs(wide(input))
    axes = _axes(input, dim)
    if p in (np.inf, -np.inf):
        extremum = np.max if p > 0 else np.min
        return np.asarray(extremum(size, axis=axes, keepdims=keepdim)).astype(result)
    power = 2.0 if p == "fro" else float(p)
    terms = (size != 0) * 1.0 if power == 0 else size**power
    total = np.asarray(terms.sum(axis=axes, keepdims=keepdim))
    return np.asarray(total if power == 0 else total ** (1 / power)).astype(result)


def norm_gradient(
    grad: Array, input: Array, p: Any = 2, dim: Dims = None, keepdim: bool = False, **_: Any
) -> tuple[Array]:
    """``sign(x) (|x| / norm)^(p-1)``; ties share, and where the norm is 0, so is the gradient.

    Of "nuc" it is ``u vh`` of the singular value decomposition ``u diag(s) vh``, without the
    vectors of singular values that are rounding of the greatest: any slope is one of theirs.
    """
    if p == "nuc":
        u, s, vh = np.linalg.svd(_matrices(wide(input), dim), full_matrices=False)
        rounding = 1e-14 if np.asarray(input).dtype == np.float64 else 1e-6
        present = s > rounding * s[..., :1]
        slopes = np.asarray(grad).reshape(u.shape[:-2])[..., None, None]
        slopes = slopes * ((u * present[..., None, :]) @ vh)
        return (np.moveaxis(slopes, (-2, -1), _axes(input, dim)),)
    x, size = wide(input), np.abs(wide(input))
    total = spread(norm(x, p, dim, keepdim), x.shape, dim, keepdim)
    g = spread(wide(grad), x.shape, dim, keepdim)
    if p in (np.inf, -np.inf):
        ties = size == total
        return (g * np.sign(x) * ties / ties.sum(axis=_axes(x, dim), keepdims=True),)
    if p == 0:
        return (np.zeros_like(x),)
    power = 2.0 if p == "fro" else float(p)
    ratio = np.where(total == 0, 0.0, size / total)
    return (g * np.sign(x) * ratio ** (power - 1),)


def cumsum(input: Array, dim: int, *, dtype: DType = None) -> Array:
    """``out_i = x_0 + ... + x_i`` along `dim`."""
    total = _total_type(input, dtype)
    x = wide(np.asarray(input).astype(total))
    return np.asarray(np.cumsum(x, axis=dim) if x.ndim else x).astype(total)


def cumsum_gradient(grad: Array, input: Array, dim: int, **_: Any) -> tuple[Array]:
    """``x_i`` is in every sum from the i-th on."""
    g = wide(grad)
    return (np.flip(np.cumsum(np.flip(g, dim), axis=dim), dim) if g.ndim else g,)


def prod(input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None) -> Array:
    """The product."""
    total = _total_type(input, dtype)
    x = wide(np.asarray(input).astype(total))
    return np.asarray(x.prod(axis=_axes(x, dim), keepdims=keepdim)).astype(total)


def prod_gradient(
    grad: Array, input: Array, dim: Dims = None, keepdim: bool = False, **_: Any
) -> tuple[Array]:
    """The product of all the others: of those before times of those after, so zeros are right."""
    x = wide(input)
    dims = _axes(x, dim)
    last = tuple(range(x.ndim - len(dims), x.ndim))
    rows = np.moveaxis(x, dims, last)
    flat = rows.reshape(*rows.shape[: x.ndim - len(dims)], -1) if x.size else rows
    others = np.ones_like(flat)
    for i in range(flat.shape[-1] if x.size else 0):
        others[..., i] = np.delete(flat, i, axis=-1).prod(axis=-1)
    others = np.moveaxis(others.reshape(rows.shape), last, dims)
    return (spread(wide(grad), x.shape, dim, keepdim) * others,)


def logsumexp(input: Array, dim: Dims, keepdim: bool = False) -> Array:
    """``m + log(sum(exp(x - m)))`` with m the maximum, or 0 if that is infinite."""
    x = wide(np.asarray(input).astype(np.float32) if input.dtype.kind != "f" else input)
    axes = _axes(x, dim)
    top = x.max(axis=axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isinf(top), 0, top)
    out = np.log(np.exp(x - top).sum(axis=axes, keepdims=True)) + top
    out = out if keepdim else out.squeeze(axes)
    return np.asarray(out).astype(input.dtype if input.dtype.kind == "f" else np.float32)


def logsumexp_gradient(grad: Array, input: Array, dim: Dims, keepdim: bool = False) -> tuple[Array]:
    """The softmax over the same dimensions; shifted first, or a large maximum rounds it away."""
    x = wide(input)
    top = x.max(axis=_axes(x, dim), keepdims=True, initial=-np.inf)
    below = x - np.where(np.isinf(top), 0, top)
    out = spread(logsumexp(below, dim, keepdim), x.shape, dim, keepdim)
    return (spread(wide(grad), x.shape, dim, keepdim) * np.exp(below - out),)


Extremum = Callable[..., Any]


def _amost(
    extremum: Extremum, nans_tie: bool = False
) -> tuple[Callable[..., Array], Callable[..., tuple[Array]]]:
    """``amax`` or ``amin`` and its gradient, by NumPy's `extremum`.

    Where the extremum is NaN, no element equals it and the shares are NaN, unless NaNs count as
    equal to each other.
    """

    def forward(input: Array, dim: Dims = (), keepdim: bool = False) -> Array:
        return np.asarray(extremum(input, axis=_axes(input, dim), keepdims=keepdim))

    def gradient(grad: Array, input: Array, dim: Dims = (), keepdim: bool = False) -> tuple[Array]:
        best = extremum(input, axis=_axes(input, dim), keepdims=True)
        ties = (input == best) | (nans_tie & np.isnan(input) & np.isnan(best))
        share = ties / ties.sum(axis=_axes(input, dim), keepdims=True)
        return (spread(wide(grad), input.shape, dim, keepdim) * share,)

    return forward, gradient


def _argmost(arg_extremum: Extremum) -> Callable[..., Array]:
    """``argmax`` or ``argmin``: the index of the first among equals, in the flattened array too."""

    def forward(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
        if dim is None:
            index = np.asarray(arg_extremum(input))
            return index.reshape((1,) * input.ndim) if keepdim else index
        axis = normalize_dim(dim, input.ndim)
        if not input.ndim:
            return np.asarray(0)
        return np.asarray(arg_extremum(input, axis=axis, keepdims=keepdim))

    return forward


def _most(extremum: Extremum, arg_extremum: Extremum) -> tuple[Callable[..., Any], Any]:
    """``max`` or ``min``: of the whole array, or values and indices along one dimension."""
    whole, whole_gradient = _amost(extremum, nans_tie=True)
    where = _argmost(arg_extremum)

    def forward(input: Array, dim: int | None = None, keepdim: bool = False) -> Any:
        if dim is None:
            return whole(input)
        return whole(input, dim, keepdim), where(input, dim, keepdim)

    def gradient(
        grad: Any, input: Array, dim: int | None = None, keepdim: bool = False
    ) -> tuple[Array]:
        if dim is None:
            return whole_gradient(grad, input)
        index = spread(where(input, dim, keepdim), input.shape, dim, keepdim)
        axis = normalize_dim(dim, input.ndim)
        positions = np.arange(input.shape[axis] if input.ndim else 1)
        along = [1] * input.ndim
        if input.ndim:
            along[axis] = -1
        chosen = positions.reshape(along) == index
        values = grad[0] if isinstance(grad, tuple) else grad
        return (spread(wide(values), input.shape, dim, keepdim) * chosen,)

    return forward, gradient


def _truth(function: Extremum) -> Callable[..., Array]:
    """``any`` or ``all``, over no dims of each element; of uint8, PyTorch answers in uint8."""

    def forward(input: Array, dim: Dims = None, keepdim: bool = False) -> Array:
        result = np.uint8 if input.dtype == np.uint8 else np.bool_
        axes = () if dim in ((), []) else _axes(input, dim)
        return np.asarray(function(input, axis=axes, keepdims=keepdim)).astype(result)

    return forward


register("sum", sum_, sum_gradient)
register("mean", mean, mean_gradient)
register("var", var, var_gradient)
register("std", std, std_gradient)
register("var_mean", *_with_mean(var, var_gradient))
register("std_mean", *_with_mean(std, std_gradient))
register("norm", norm, norm_gradient)
register("cumsum", cumsum, cumsum_gradient)
register("prod", prod, prod_gradient)
register("logsumexp", logsumexp, logsumexp_gradient)
register("amax", *_amost(np.max))
register("amin", *_amost(np.min))
register("max", *_most(np.max, np.argmax))
register("min", *_most(np.min, np.argmin))
register("argmax", _argmost(np.argmax))
register("argmin", _argmost(np.argmin))
register("any", _truth(np.any))
register("all", _truth(np.all))
