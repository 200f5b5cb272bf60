"""The array API's extension for linear algebra, but for eig and eigvals, which are complex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import steep
from steep._core import Tensor
from steep.linalg import (
    cholesky,
    cross,
    det,
    eigh,
    eigvalsh,
    inv,
    matmul,
    matrix_power,
    qr,
    slogdet,
    solve,
    svd,
    svdvals,
)
from steep.linalg import diagonal as _diagonal
from steep.linalg import matrix_norm as _matrix_norm
from steep.linalg import matrix_rank as _matrix_rank
from steep.linalg import pinv as _pinv
from steep.linalg import vector_norm as _vector_norm

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals."""
    return _diagonal(x, offset=offset)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norms of matrices."""
    return _matrix_norm(x, ord, keepdim=keepdims)


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """How many singular values are not 0."""
    return _matrix_rank(x, rtol=rtol)


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two dimensions exchanged."""
    return x.mT


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of all elements of two vectors."""
    return steep.outer(x1, x2)


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """The pseudoinverses."""
    return _pinv(x, rtol=rtol)


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """Sums of products along pairs of dimensions."""
    return steep.tensordot(x1, x2, axes)


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sums of the diagonals."""
    return _diagonal(x, offset=offset).sum(-1, dtype=dtype)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Sums of products along one dimension."""
    return (x1 * x2).sum(axis)


def vector_norm(
    x: Tensor,
    /,
    *,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    ord: float = 2,
) -> Tensor:
    """The norms of vectors."""
    return _vector_norm(x, ord, axis, keepdims)
