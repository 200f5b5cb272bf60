"""What is left to do where the factor of Cholesky is known, and logarithms of determinants."""

from __future__ import annotations

from steep._core import Tensor, eye, full_like
from steep._out import takes_out
from steep.linalg._numpy import LinAlgError, square
from steep.linalg.systems import slogdet, solve_triangular

__all__ = ["cholesky_inverse", "cholesky_solve", "logdet"]


@takes_out
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:  # noqa: N803
    """The X for which A X = B, given the factor of A = L L^T.

    Args:
        B: (*, n, k).
        L: (*, n, n), the factor that `cholesky` gives.
        upper: L is the upper triangle of A = L^T L. Default: ``False``.

    Raises:
        RuntimeError: For shapes or dtypes that do not fit, and integers.

    As in `steep.linalg.solve_triangular`, a 0 on the diagonal is divided by.

    Example:
        >>> import steep
        >>> factor = steep.linalg.cholesky(steep.tensor([[4.0, 0.0], [0.0, 9.0]]))
        >>> steep.cholesky_solve(steep.tensor([[4.0], [18.0]]), factor)
        tensor([[1.],
                [2.]])
    """
    square("cholesky_solve", L)
    lower = L.mT if upper else L
    return solve_triangular(lower.mT, solve_triangular(lower, B, upper=False), upper=True)


@takes_out
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:  # noqa: N803 - PyTorch's name
    """The inverse of A, given the factor of A = L L^T.

    Args:
        L: (*, n, n), the factor that `cholesky` gives.
        upper: L is the upper triangle of A = L^T L. Default: ``False``.

    Raises:
        RuntimeError: For matrices that are not square, a 0 on the diagonal, and integers.

    Example:
        >>> import steep
        >>> steep.cholesky_inverse(steep.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([[0.2500, 0.0000],
                [0.0000, 1.0000]])
    """
    square("cholesky_inverse", L)
    if (L.detach().diagonal(dim1=-2, dim2=-1) == 0).any():
        raise LinAlgError(
            f"cholesky_inverse: Singular matrix, with a 0 on the diagonal; shape {tuple(L.shape)}"
        )
    unit = eye(L.shape[-1], dtype=L.dtype)
    back = solve_triangular(L, unit.expand(L.shape), upper=upper)
    return back @ back.mT if upper else back.mT @ back


def logdet(A: Tensor) -> Tensor:  # noqa: N803 - PyTorch's name
    """The logarithm of the determinant: -inf where that is 0, nan where it is negative.

    Args:
        A: (*, n, n).

    Raises:
        RuntimeError: For matrices that are not square, and integers.

    Example:
        >>> import steep
        >>> steep.logdet(steep.tensor([[1.0, 0.0], [0.0, 1.0]]))
        tensor(0.)
    """
    square("logdet", A)
    sign, logarithm = slogdet(A)
    return logarithm.where(sign >= 0, full_like(logarithm.detach(), float("nan")))
