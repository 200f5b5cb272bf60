"""Functions that say in `info` which matrices of a batch they could not do, and raise nothing."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from steep._core import Tensor, eye, full_like, stack, zeros
from steep._core import int32 as int32_
from steep._out import takes_out
from steep._printing import named_result
from steep.linalg._numpy import LinAlgError, by_numpy, square
from steep.linalg.decompositions import cholesky
from steep.linalg.inverse import inv
from steep.linalg.systems import solve
from steep.linalg.triangles import lu_factor

__all__ = ["cholesky_ex", "inv_ex", "lu_factor_ex", "solve_ex"]


class CholeskyExResult(NamedTuple):
    """What `cholesky_ex` returns."""

    L: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_cholesky_ex", self)


class InvExResult(NamedTuple):
    """What `inv_ex` returns."""

    inverse: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_inv_ex", self)


class SolveExResult(NamedTuple):
    """What `solve_ex` returns."""

    result: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_solve_ex", self)


class LUFactorExResult(NamedTuple):
    """What `lu_factor_ex` returns."""

    LU: Tensor
    pivots: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_lu_factor_ex", self)


def _each(function: Callable[[Tensor], Tensor], A: Tensor) -> tuple[Tensor, Tensor]:  # noqa: N803
    """The function's results, nan where it failed, and 1 for each matrix of which that is so."""
    batch = A.shape[:-2]
    try:
        return function(A), zeros(batch, dtype=int32_)
    except LinAlgError:
        if not batch:
            return full_like(A.detach(), float("nan")), zeros(batch, dtype=int32_) + 1
    parts = [_each(function, matrix) for matrix in A.reshape(prod(batch), *A.shape[-2:])]
    out = stack([part[0] for part in parts])
    info = stack([part[1] for part in parts])
    return out.reshape(*batch, *out.shape[1:]), info.reshape(batch)


def _first_zero(diagonal: Tensor) -> Tensor:
    """The place of the first 0 on the diagonals, counted from 1; 0 where there is none."""
    import numpy as np

    def place(values: Any) -> Any:
        zero = values == 0
        return np.where(zero.any(-1), zero.argmax(-1) + 1 if zero.shape[-1] else 0, 0)

    found: Tensor = by_numpy("lu_factor_ex", place, diagonal, dtype=np.int32)
    return found


def _singular(A: Tensor) -> Tensor:  # noqa: N803
    """At which pivot elimination meets a 0."""
    return _first_zero(lu_factor(A.detach()).LU.diagonal(0, -2, -1))


@takes_out
def cholesky_ex(
    A: Tensor,  # noqa: N803 - PyTorch's name
    *,
    upper: bool = False,
    check_errors: bool = False,
) -> CholeskyExResult:
    """`cholesky`, of all matrices of a batch that have a factor; the others' are nan.

    Args:
        A: (*, n, n).
        upper: as for `cholesky`.
        check_errors: raise as `cholesky` does. Default: ``False``.

    Returns:
        `L`, and `info` (*) of int32: 0, or how many rows and columns are the first that are not
        positive definite.

    Raises:
        RuntimeError: For matrices that are not square, and integers; with `check_errors`, as
            `cholesky`.

    Example:
        >>> import steep
        >>> steep.linalg.cholesky_ex(steep.tensor([[1.0, 2.0], [2.0, 1.0]])).info
        tensor(2, dtype=steep.int32)
    """
    square("cholesky_ex", A)
    if check_errors:
        return CholeskyExResult(cholesky(A, upper=upper), zeros(A.shape[:-2], dtype=int32_))
    factor, info = _each(lambda x: cholesky(x, upper=upper), A)
    failed = info.reshape(-1).nonzero().flatten().tolist()
    flat, places = A.detach().reshape(-1, *A.shape[-2:]) if failed else A, info.reshape(-1)
    for number in failed:
        sizes = (k for k in range(1, A.shape[-1] + 1) if not _definite(flat[number, :k, :k]))
        places[number] = next(sizes)
    return CholeskyExResult(factor, places.reshape(info.shape))


def _definite(x: Tensor) -> bool:
    try:
        cholesky(x)
    except LinAlgError:
        return False
    return True


@takes_out
def inv_ex(A: Tensor, *, check_errors: bool = False) -> InvExResult:  # noqa: N803
    """`inv`, of all matrices of a batch that have an inverse; the others' are nan.

    Args:
        A: (*, n, n).
        check_errors: raise as `inv` does. Default: ``False``.

    Returns:
        `inverse`, and `info` (*) of int32: 0, or the number of the pivot that is 0.

    Raises:
        RuntimeError: For matrices that are not square, and integers; with `check_errors`, as
            `inv`.

    Example:
        >>> import steep
        >>> steep.linalg.inv_ex(steep.zeros(2, 2)).info
        tensor(1, dtype=steep.int32)
    """
    square("inv_ex", A)
    if check_errors:
        return InvExResult(inv(A), zeros(A.shape[:-2], dtype=int32_))
    inverse, failed = _each(inv, A)
    return InvExResult(inverse, _singular(A) * failed)


@takes_out
def solve_ex(
    A: Tensor,  # noqa: N803 - PyTorch's names
    B: Tensor,  # noqa: N803
    *,
    left: bool = True,
    check_errors: bool = False,
) -> SolveExResult:
    """`solve`, of all matrices of a batch that have an inverse; the others' results are nan.

    Args:
        A: (*, n, n).
        B: as for `solve`.
        left: as for `solve`.
        check_errors: raise as `solve` does. Default: ``False``.

    Returns:
        `result`, and `info` (*) of int32: 0, or the number of the pivot that is 0.

    Raises:
        RuntimeError: As `solve`, but for an A without an inverse, where `check_errors` is False.

    Example:
        >>> import steep
        >>> steep.linalg.solve_ex(steep.zeros(2, 2), steep.ones(2)).result
        tensor([nan, nan])
    """
    square("solve_ex", A)
    if check_errors:
        return SolveExResult(solve(A, B, left=left), zeros(A.shape[:-2], dtype=int32_))
    info = _singular(A)
    whole = (info == 0).unsqueeze(-1).unsqueeze(-1)
    result = solve(A.where(whole, eye(A.shape[-1], dtype=A.dtype)), B, left=left)
    vector = result.dim() < A.dim()
    kept = whole.squeeze(-1) if vector else whole
    return SolveExResult(result.where(kept, full_like(result.detach(), float("nan"))), info)


@takes_out
def lu_factor_ex(
    A: Tensor,  # noqa: N803 - PyTorch's name
    *,
    pivot: bool = True,
    check_errors: bool = False,
) -> LUFactorExResult:
    """`lu_factor`, and which of its pivots are 0.

    Args:
        A: (*, m, n).
        pivot: as for `lu_factor`.
        check_errors: raise where a pivot is 0. Default: ``False``.

    Returns:
        `LU`, `pivots`, and `info` (*) of int32: 0, or the number of the first pivot that is 0.

    Raises:
        RuntimeError: As `lu_factor`; with `check_errors`, where a pivot is 0.

    Example:
        >>> import steep
        >>> steep.linalg.lu_factor_ex(steep.ones(2, 2)).info
        tensor(2, dtype=steep.int32)
    """
    packed, pivots = lu_factor(A, pivot=pivot)
    info = _first_zero(packed.detach().diagonal(0, -2, -1))
    if check_errors and bool(info.any()):
        raise LinAlgError(
            f"linalg.lu_factor_ex: expected pivots that are not 0, got one at {info.max().item()}; "
            f"shape {tuple(A.shape)}"
        )
    return LUFactorExResult(packed, pivots, info)
