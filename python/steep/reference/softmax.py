"""Softmax and its logarithm (Bridle 1990), shifted by the maximum so that nothing overflows."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep.reference.registry import Array, DType, register, wide


def _log_softmax(x: Array, dim: int) -> Array:
    """``x - m - log(sum(exp(x - m)))`` along `dim`, with m the maximum."""
    line = np.atleast_1d(wide(x).astype(np.float64))
    if not line.size:
        return line.reshape(x.shape)
    shifted = line - line.max(axis=dim, keepdims=True)
    out = shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))
    return np.asarray(out.reshape(x.shape))


def softmax(input: Array, dim: int, dtype: DType = None) -> Array:
    """``exp(x) / sum(exp(x))`` along `dim`."""
    x = input if dtype is None else input.astype(dtype)
    return np.asarray(np.exp(_log_softmax(x, dim))).astype(x.dtype)


def softmax_gradient(grad: Array, input: Array, dim: int, dtype: DType = None) -> tuple[Array]:
    """``y * (g - sum(g y))``, from ``dy_i/dx_j = y_i (delta_ij - y_j)``."""
    y = np.exp(np.atleast_1d(_log_softmax(input, dim)))
    g = np.atleast_1d(wide(grad))
    return ((y * (g - (g * y).sum(axis=dim, keepdims=True))).reshape(input.shape),)


def log_softmax(input: Array, dim: int, dtype: DType = None) -> Array:
    """The logarithm of `softmax`."""
    x = input if dtype is None else input.astype(dtype)
    return _log_softmax(x, dim).astype(x.dtype)


def log_softmax_gradient(grad: Array, input: Array, dim: int, dtype: DType = None) -> tuple[Any]:
    """``g - y * sum(g)``."""
    y = np.exp(np.atleast_1d(_log_softmax(input, dim)))
    g = np.atleast_1d(wide(grad))
    return ((g - y * g.sum(axis=dim, keepdims=True)).reshape(input.shape),)


register("softmax", softmax, softmax_gradient)
register("log_softmax", log_softmax, log_softmax_gradient)
register(
    "softmin",
    lambda input, dim, dtype=None: softmax(-input, dim, dtype),
    lambda grad, input, dim, dtype=None: (-softmax_gradient(grad, -input, dim, dtype)[0],),
)
