"""Systems of tensors, which are those of matrices after a reshape; and how well matrices behave."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import steep._core as _core
from steep._core import Tensor
from steep._out import takes_out
from steep.linalg._numpy import matrices, square
from steep.linalg.checked import inv_ex
from steep.linalg.inverse import inv
from steep.linalg.norms import matrix_norm
from steep.linalg.spectral import svdvals
from steep.linalg.systems import solve

__all__ = ["cond", "tensorinv", "tensorsolve"]


@takes_out
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:  # noqa: N803 - PyTorch's name
    """The X for which tensordot(A, tensordot(X, B, ind...), ...) gives back B.

    Args:
        A: its first `ind` sizes have the product of the others.
        ind: how many dimensions are the rows. Default: 2.

    Returns:
        The inverse, with the others first: shape ``A.shape[ind:] + A.shape[:ind]``.

    Raises:
        RuntimeError: For sizes whose products differ, an `ind` below 1, and an A without inverse.

    Example:
        >>> import steep
        >>> steep.linalg.tensorinv(steep.eye(6).reshape(2, 3, 6)).shape
        steep.Size([6, 2, 3])
    """
    if ind < 1:
        raise RuntimeError(f"linalg.tensorinv: expected ind of at least 1, got {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    if prod(rows) != prod(columns):
        raise RuntimeError(
            "linalg.tensorinv: expected sizes with one product before and from ind on, got "
            f"{tuple(rows)} and {tuple(columns)}"
        )
    return inv(A.reshape(prod(rows), prod(columns))).reshape(*columns, *rows)


@takes_out
def tensorsolve(
    A: Tensor,  # noqa: N803 - PyTorch's names
    B: Tensor,  # noqa: N803
    dims: Sequence[int] | None = None,
) -> Tensor:
    """The X for which tensordot(A, X, X.dim()) = B.

    Args:
        A: shape ``B.shape`` and behind it that of X, with the same product.
        B: the right side.
        dims: dimensions of A that are moved to its end first. Default: none.

    Raises:
        RuntimeError: For sizes that do not fit, and an A without inverse.

    Example:
        >>> import steep
        >>> a = 2 * steep.eye(6).reshape(2, 3, 6)
        >>> steep.linalg.tensorsolve(a, steep.ones(2, 3)).tolist()
        [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(-len(dims), 0)))
    shape = A.shape[B.dim() :]
    if prod(shape) != B.numel() or prod(A.shape) != B.numel() ** 2:
        raise RuntimeError(
            "linalg.tensorsolve: expected A of B's shape and behind it sizes of the same product, "
            f"got {tuple(A.shape)} and {tuple(B.shape)}"
        )
    return solve(A.reshape(B.numel(), B.numel()), B.reshape(-1)).reshape(shape)


@takes_out
def cond(A: Tensor, p: float | str | None = None) -> Tensor:  # noqa: N803 - PyTorch's name
    """The condition number: the norm of a matrix times that of its inverse.

    Args:
        A: (*, m, n); (*, n, n) unless `p` is None, 2 or -2.
        p: the norm, as for `matrix_norm`. Default: the largest singular value by the smallest,
            as for 2.

    Returns:
        (*); infinite where there is no inverse.

    Raises:
        RuntimeError: For fewer than two dimensions, integers, and where it has to be square.

    Example:
        >>> import steep
        >>> steep.linalg.cond(steep.tensor([[2.0, 0.0], [0.0, 8.0]]))
        tensor(4.)
    """
    matrices("cond", A)
    if p is None or p in (2, -2):
        values = svdvals(A)
        if values.shape[-1] == 0:
            return values.new_zeros(A.shape[:-2])
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    square("cond", A)
    if A.shape[-1] == 0:
        return A.new_zeros(A.shape[:-2])
    inverse, info = inv_ex(A)
    product = matrix_norm(A, p) * matrix_norm(inverse, p)
    return product.where(info == 0, _core.full_like(product, float("inf")))
