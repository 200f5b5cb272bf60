"""Functions of linear algebra under the names, and in the forms, of PyTorch's first years."""

from __future__ import annotations

from typing import Any, NamedTuple

import steep
from steep._core import Tensor
from steep._out import takes_out
from steep._printing import named_result
from steep.linalg import decompositions, least_squares, spectral, systems, triangles
from steep.linalg._numpy import matrices

__all__ = [
    "cholesky",
    "lu",
    "lu_solve",
    "pca_lowrank",
    "pinverse",
    "qr",
    "svd",
    "svd_lowrank",
    "triangular_solve",
]


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor

    def __repr__(self) -> str:
        return named_result("qr", self)


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    V: Tensor

    def __repr__(self) -> str:
        return named_result("svd", self)


class TriangularSolveResult(NamedTuple):
    """What `triangular_solve` returns."""

    solution: Tensor
    cloned_coefficient: Tensor

    def __repr__(self) -> str:
        return named_result("triangular_solve", self)


@takes_out
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """`steep.linalg.cholesky`, with `upper` by position.

    Raises:
        RuntimeError: As `steep.linalg.cholesky`.

    Example:
        >>> import steep
        >>> steep.cholesky(steep.tensor([[4.0]]))
        tensor([[2.]])
    """
    return decompositions.cholesky(input, upper=upper)


@takes_out
def qr(input: Tensor, some: bool = True) -> QRResult:
    """`steep.linalg.qr`; without `some` in mode ``'complete'``.

    Raises:
        RuntimeError: As `steep.linalg.qr`.

    Example:
        >>> import steep
        >>> steep.qr(steep.ones(3, 2), some=False).Q.shape
        steep.Size([3, 3])
    """
    return QRResult(*decompositions.qr(input, "reduced" if some else "complete"))


@takes_out
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> SVDResult:
    """The singular values and vectors: input = U diag(S) V^T.

    `steep.linalg.svd` gives V^T in the place of V.

    Args:
        input: (*, m, n).
        some: as many vectors as there are values; otherwise square U and V. Default: ``True``.
        compute_uv: otherwise U and V are zeros. Default: ``True``.

    Raises:
        RuntimeError: As `steep.linalg.svd`.

    Example:
        >>> import steep
        >>> steep.svd(steep.tensor([[3.0, 0.0], [0.0, 2.0]])).S
        tensor([3., 2.])
    """
    if not compute_uv:
        matrices("svd", input)
        rows, columns = input.shape[-2:]
        empty = (input.new_zeros(*input.shape[:-2], size, size) for size in (rows, columns))
        return SVDResult(next(empty), spectral.svdvals(input), next(empty))
    u, s, vh = spectral.svd(input, full_matrices=not some)
    return SVDResult(u, s, vh.mT)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """`steep.linalg.pinv`, with another tolerance.

    Raises:
        RuntimeError: As `steep.linalg.pinv`.

    Example:
        >>> import steep
        >>> steep.pinverse(steep.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    return least_squares.pinv(input, rtol=rcond)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:  # noqa: N803
    """`steep.linalg.lu_factor`; with `get_infos`, as a third result, which pivot is 0.

    Raises:
        RuntimeError: As `steep.linalg.lu_factor`.

    Example:
        >>> import steep
        >>> steep.lu(steep.eye(2))[1]
        tensor([1, 2], dtype=steep.int32)
    """
    if get_infos:
        return tuple(steep.linalg.lu_factor_ex(A, pivot=pivot))
    return triangles.lu_factor(A, pivot=pivot)


@takes_out
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:  # noqa: N803
    """`steep.linalg.lu_solve`, with the right side first.

    Raises:
        RuntimeError: As `steep.linalg.lu_solve`.

    Example:
        >>> import steep
        >>> steep.lu_solve(steep.ones(2, 1), *steep.lu(2 * steep.eye(2)))
        tensor([[0.5000],
                [0.5000]])
    """
    return triangles.lu_solve(LU_data, LU_pivots, b)


@takes_out
def triangular_solve(
    b: Tensor,
    A: Tensor,  # noqa: N803 - PyTorch's name
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> TriangularSolveResult:
    """`steep.linalg.solve_triangular`, with the right side first, and A beside the solution.

    Raises:
        RuntimeError: As `steep.linalg.solve_triangular`.

    Example:
        >>> import steep
        >>> steep.triangular_solve(steep.ones(1, 1), steep.tensor([[4.0]])).solution
        tensor([[0.2500]])
    """
    matrix, side = (A.mT, not upper) if transpose else (A, upper)
    out = systems.solve_triangular(matrix, b, upper=side, unitriangular=unitriangular)
    return TriangularSolveResult(out, A.clone())


def svd_lowrank(
    A: Tensor,  # noqa: N803 - PyTorch's names
    q: int | None = 6,
    niter: int | None = 2,
    M: Tensor | None = None,  # noqa: N803
) -> tuple[Tensor, Tensor, Tensor]:
    """About the q largest singular values of A - M and their vectors, by random directions.

    Halko, Martinsson and Tropp, "Finding structure with randomness" (2009), algorithms 4.4 and 5.1.

    Args:
        A: (*, m, n).
        q: how many; a little more than the rank that is sought. Default: 6.
        niter: how often the directions are improved. Default: 2.
        M: what is taken off A, of a shape that broadcasts to A's. Default: nothing.

    Returns:
        U (*, m, q), S (*, q) and V (*, n, q).

    Raises:
        RuntimeError: For fewer than two dimensions, and integers.
        ValueError: For a q that is negative or above the lesser of m and n.

    Example:
        >>> import steep
        >>> u, s, v = steep.svd_lowrank(steep.ones(5, 4), q=2)
        >>> round(s[0].item(), 4)
        4.4721
    """
    matrices("svd_lowrank", A)
    count, rounds = 6 if q is None else q, 2 if niter is None else niter
    if not 0 <= count <= min(A.shape[-2:]):
        raise ValueError(
            f"svd_lowrank: expected q from 0 to {min(A.shape[-2:])}, the lesser size, got {count}"
        )
    x = A if M is None else A - M
    basis = decompositions.qr(x @ steep.randn(x.shape[-1], count, dtype=x.dtype)).Q
    for _ in range(rounds):
        basis = decompositions.qr(x.mT @ basis).Q
        basis = decompositions.qr(x @ basis).Q
    u, s, vh = spectral.svd(basis.mT @ x, full_matrices=False)
    return basis @ u, s, vh.mT


def pca_lowrank(
    A: Tensor,  # noqa: N803 - PyTorch's name
    q: int | None = None,
    center: bool = True,
    niter: int = 2,
) -> tuple[Tensor, Tensor, Tensor]:
    """About the q first principal components: `svd_lowrank` of A without its columns' means.

    Args:
        A: (*, m, n): m samples of n features.
        q: how many. Default: 6, or the lesser of m and n.
        center: take the mean of each column off. Default: ``True``.
        niter: how often the directions are improved. Default: 2.

    Returns:
        U, S and V as `svd_lowrank`; the columns of V are the principal directions.

    Raises:
        RuntimeError: As `svd_lowrank`.
        ValueError: As `svd_lowrank`, and for a negative `niter`.

    Example:
        >>> import steep
        >>> x = steep.tensor([[1.0, 0.0], [-1.0, 0.0], [3.0, 0.0]])
        >>> steep.pca_lowrank(x, q=1)[2].abs()
        tensor([[1.],
                [0.]])
    """
    matrices("pca_lowrank", A)
    if niter < 0:
        raise ValueError(f"pca_lowrank: expected niter of at least 0, got {niter}")
    count = min(6, *A.shape[-2:]) if q is None else q
    return svd_lowrank(A, count, niter, A.mean(-2, keepdim=True) if center else None)
