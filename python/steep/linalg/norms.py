"""Norms of vectors and matrices, under PyTorch's names; most of them can be replayed."""

from __future__ import annotations

from collections.abc import Sequence

import steep._core as _core
from steep._core import Tensor
from steep._out import takes_out
from steep.linalg._numpy import matrices
from steep.linalg.spectral import svdvals

__all__ = ["matrix_norm", "norm", "vector_norm"]

Dims = int | Sequence[int] | None


@takes_out
def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: _core.dtype | None = None,
) -> Tensor:
    """The norm of vectors: (sum |x|^ord)^(1/ord).

    Args:
        x: any shape.
        ord: the power; inf and -inf are the largest and the smallest element, 0 counts those that
            are not 0. Default: 2.
        dim: along which the vectors lie. Default: all elements are one vector.
        keepdim: keep these dimensions, with size 1. Default: ``False``.
        dtype: what `x` is converted to first.

    Raises:
        RuntimeError: For integers.

    Example:
        >>> import steep
        >>> steep.linalg.vector_norm(steep.tensor([[3.0, 4.0]]))
        tensor(5.)
    """
    dims = tuple(range(x.dim())) if dim is None else dim
    return _core.norm(x, ord, dims, keepdim, dtype=dtype)


@takes_out
def matrix_norm(
    A: Tensor,  # noqa: N803 - PyTorch's name
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: _core.dtype | None = None,
) -> Tensor:
    """The norm of matrices.

    Args:
        A: at least two dimensions.
        ord: ``'fro'``: the root of the sum of squares; ``'nuc'``: the sum of the singular values;
            2 and -2: the largest and smallest of these; 1 and -1: the largest and smallest sum of
            sizes in a column; inf and -inf: in a row. Default: ``'fro'``.
        dim: rows and columns. Default: the last two.
        keepdim: keep these dimensions, with size 1. Default: ``False``.
        dtype: what `A` is converted to first.

    Raises:
        RuntimeError: For fewer than two dimensions and integers.
        ValueError: For another `ord`, and other than two dimensions in `dim`.

    Example:
        >>> import steep
        >>> steep.linalg.matrix_norm(steep.tensor([[3.0, 0.0], [0.0, 4.0]]), 2)
        tensor(4.)
    """
    if len(dim) != 2:
        raise ValueError(f"linalg.matrix_norm: expected two dimensions, got {tuple(dim)}")
    given = A if dtype is None else A.to(dtype)
    matrices("matrix_norm", given)
    x = given.movedim(tuple(dim), (-2, -1))
    size = -1 if isinstance(ord, str) else abs(ord)
    if ord == "fro":
        out = _core.norm(x, 2, (-2, -1))
    elif ord == "nuc":
        out = svdvals(x).sum(-1)
    elif size in (1, 2, float("inf")):
        values = svdvals(x) if size == 2 else x.abs().sum(-2 if size == 1 else -1)
        if ord > 0:  # type: ignore[operator]
            out = values.amax(-1) if values.shape[-1] else values.sum(-1)  # the least norm: 0
        else:
            out = values.amin(-1)
    else:
        raise ValueError(
            "linalg.matrix_norm: expected ord to be 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2, "
            f"got {ord!r}"
        )
    for place in sorted(d % A.dim() for d in dim) if keepdim else ():
        out = out.unsqueeze(place)
    return out


@takes_out
def norm(
    A: Tensor,  # noqa: N803 - PyTorch's name
    ord: float | str | None = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: _core.dtype | None = None,
) -> Tensor:
    """The norm of vectors or of matrices: see `vector_norm` and `matrix_norm`.

    Args:
        A: any shape.
        ord: None: the root of the sum of squares. Default: ``None``.
        dim: one dimension: vectors; two: matrices, but for an `ord` of None. Default: all
            elements where `ord` is None, otherwise those of one vector or one matrix.
        keepdim: keep these dimensions, with size 1. Default: ``False``.
        dtype: what `A` is converted to first.

    Raises:
        RuntimeError: For an `ord` without `dim` of other than one or two dimensions, and integers.

    Example:
        >>> import steep
        >>> steep.linalg.norm(steep.tensor([3.0, 4.0]))
        tensor(5.)
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    dims = tuple(range(A.dim())) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if dim is None and len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: expected one or two dimensions where ord is given, and dim is not, got "
            f"shape {tuple(A.shape)}; give dim"
        )
    if len(dims) == 2:
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: {ord!r} is a norm of matrices, got one dimension")
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)
