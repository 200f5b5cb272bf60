"""L and U: the factors of elimination, and systems that are solved by them."""

from __future__ import annotations

from typing import Any, NamedTuple

from steep._core import Tensor, cat, eye, int32
from steep._out import takes_out
from steep._printing import named_result
from steep.autograd.function import Function
from steep.linalg._elimination import eliminate, order_of
from steep.linalg._numpy import matrices, square
from steep.linalg.systems import solve_triangular

__all__ = ["lu", "lu_factor", "lu_solve", "lu_unpack"]


class LUResult(NamedTuple):
    """What `lu` and `lu_unpack` return."""

    P: Tensor
    L: Tensor
    U: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_lu", self)


class LUFactorResult(NamedTuple):
    """What `lu_factor` returns."""

    LU: Tensor
    pivots: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_lu_factor", self)


class _Factors(Function):
    """With X = L^-1 P^T dA U^-1: dL = L tril(X, -1) and dU = triu(X) U.

    Of a tall A, the rows below are L2 = A2 U^-1; of a wide one, the columns behind are
    U2 = L^-1 A2.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, packed: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        lower, upper = _unpacked(packed)
        ctx.save_for_backward(lower, upper)
        ctx.order = order
        return lower, upper

    @staticmethod
    def backward(ctx: Any, by_lower: Tensor, by_upper: Tensor) -> tuple[Tensor, None, None]:
        lower, upper = ctx.saved_tensors
        size = lower.shape[-1]
        top, left = lower[..., :size, :], upper[..., :size]
        by_top, by_left = by_lower[..., :size, :], by_upper[..., :size]
        below = behind = None
        if lower.shape[-2] > size:
            below = _over(by_lower[..., size:, :], left.mT, upper=False)
            by_left = by_left - lower[..., size:, :].mT @ below
        if upper.shape[-1] > size:
            behind = _under(top.mT, by_upper[..., size:])
            by_top = by_top - behind @ upper[..., size:].mT
        inner = (top.mT @ by_top).tril(-1) + (by_left @ left.mT).triu()
        slope = _over(_under(top.mT, inner), left.mT, upper=False)
        if below is not None:
            slope = cat((slope, below), -2)
        if behind is not None:
            slope = cat((slope, behind), -1)
        back = ctx.order.argsort(-1)
        return _rows(slope, back), None, None


def _under(top: Tensor, x: Tensor) -> Tensor:
    """L^-T x, of a unit triangle."""
    return solve_triangular(top, x, upper=True, unitriangular=True)


def _over(x: Tensor, left: Tensor, *, upper: bool) -> Tensor:
    """The Y for which Y left = x."""
    return solve_triangular(left, x, upper=upper, left=False)


def _rows(x: Tensor, order: Tensor) -> Tensor:
    """The rows of each matrix in another order."""
    return x.take_along_dim(order.unsqueeze(-1).expand(*order.shape, x.shape[-1]), -2)


def _unpacked(packed: Tensor) -> tuple[Tensor, Tensor]:
    size = min(packed.shape[-2:])
    lower = packed[..., :size].tril(-1) + eye(packed.shape[-2], size, dtype=packed.dtype)
    return lower, packed[..., :size, :].triu()


def _permutation(order: Tensor, dtype: Any) -> Tensor:
    """The P for which P^T A has the rows of A in this order."""
    size = order.shape[-1]
    return eye(size, dtype=dtype)[order].mT.contiguous()


def _factors(op: str, x: Tensor, pivot: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """L, U, the order of the rows, and the swaps that led to it, counted from 1."""
    matrices(op, x)
    packed, pivots, order = eliminate(x.detach(), pivot)
    lower, upper = _Factors.apply(x, packed, order)
    return lower, upper, order, pivots


@takes_out
def lu(A: Tensor, *, pivot: bool = True) -> LUResult:  # noqa: N803 - PyTorch's name
    """A permutation, a lower and an upper triangle: A = P L U.

    Elimination by Gauss with the largest element of each column as pivot, in blocks (Golub and Van
    Loan, "Matrix Computations", algorithm 3.4.1).

    Args:
        A: (*, m, n); for a gradient, its first min(m, n) pivots are not 0.
        pivot: False: take the rows as they are, and give an empty P. Default: ``True``.

    Returns:
        `P` (*, m, m), `L` (*, m, k) with a diagonal of ones and `U` (*, k, n), with the lesser k
        of m and n.

    Raises:
        RuntimeError: For fewer than two dimensions, and integers.

    Example:
        >>> import steep
        >>> steep.linalg.lu(steep.tensor([[1.0, 2.0], [4.0, 4.0]])).U
        tensor([[4., 4.],
                [0., 1.]])
    """
    lower, upper, order, _ = _factors("lu", A, pivot)
    return LUResult(_permutation(order, A.dtype) if pivot else A.new_empty(0), lower, upper)


@takes_out
def lu_factor(A: Tensor, *, pivot: bool = True) -> LUFactorResult:  # noqa: N803
    """The triangles of `lu` in one matrix, and the rows that were swapped.

    Args:
        A: (*, m, n).
        pivot: as for `lu`.

    Returns:
        `LU` (*, m, n), whose ones of the diagonal of L are left out, and `pivots` (*, min(m, n)) of
        int32: row i was swapped with row ``pivots[i]``, counted from 1.

    Raises:
        RuntimeError: For fewer than two dimensions, and integers.

    Example:
        >>> import steep
        >>> steep.linalg.lu_factor(steep.tensor([[1.0, 2.0], [4.0, 4.0]]))[1]
        tensor([2, 2], dtype=steep.int32)
    """
    lower, upper, _, pivots = _factors("lu_factor", A, pivot)
    rows, columns = A.shape[-2:]
    size = min(rows, columns)
    below = lower.tril(-1)
    if columns > size:
        below = cat((below, below.new_zeros(*below.shape[:-1], columns - size)), -1)
    if rows > size:
        upper = cat((upper, upper.new_zeros(*upper.shape[:-2], rows - size, columns)), -2)
    return LUFactorResult(below + upper, pivots)


@takes_out
def lu_unpack(
    LU_data: Tensor,  # noqa: N803 - PyTorch's names
    LU_pivots: Tensor,  # noqa: N803
    unpack_data: bool = True,
    unpack_pivots: bool = True,
) -> LUResult:
    """The factors P, L and U of what `lu_factor` returns.

    Args:
        LU_data: (*, m, n).
        LU_pivots: (*, min(m, n)), of int32.
        unpack_data: otherwise L and U are empty. Default: ``True``.
        unpack_pivots: otherwise P is empty. Default: ``True``.

    Raises:
        RuntimeError: For fewer than two dimensions, and pivots of another dtype.

    Example:
        >>> import steep
        >>> packed = steep.linalg.lu_factor(steep.tensor([[1.0, 2.0], [4.0, 4.0]]))
        >>> p, l, u = steep.lu_unpack(*packed)
        >>> p @ l @ u
        tensor([[1., 2.],
                [4., 4.]])
    """
    matrices("lu_unpack", LU_data)
    p = lower = upper = LU_data.new_empty(0)
    if unpack_data:
        lower, upper = _unpacked(LU_data)
    if unpack_pivots:
        p = _permutation(_checked_order("lu_unpack", LU_data, LU_pivots), LU_data.dtype)
    return LUResult(p, lower, upper)


def _checked_order(op: str, packed: Tensor, pivots: Tensor) -> Tensor:
    if not isinstance(pivots, Tensor) or pivots.dtype != int32:
        raise RuntimeError(
            f"linalg.{op}: expected pivots of dtype int32, as lu_factor gives them, got "
            f"{getattr(pivots, 'dtype', type(pivots).__name__)}"
        )
    if pivots.shape != (*packed.shape[:-2], min(packed.shape[-2:])):
        raise RuntimeError(
            f"linalg.{op}: expected pivots of shape "
            f"{(*packed.shape[:-2], min(packed.shape[-2:]))} for factors of shape "
            f"{tuple(packed.shape)}, got {tuple(pivots.shape)}"
        )
    rows = packed.shape[-2]
    return order_of(op, pivots, rows)


@takes_out
def lu_solve(
    LU: Tensor,  # noqa: N803 - PyTorch's names
    pivots: Tensor,
    B: Tensor,  # noqa: N803
    *,
    left: bool = True,
    adjoint: bool = False,
) -> Tensor:
    """The X for which A X = B, given what `lu_factor` makes of A.

    Args:
        LU: (*, n, n).
        pivots: (*, n), of int32.
        B: (*, n, k).
        left: solve A X = B, otherwise X A = B for B (*, k, n). Default: ``True``.
        adjoint: solve with A^T for A. Default: ``False``.

    Raises:
        RuntimeError: For shapes or dtypes that do not fit, and a 0 on the diagonal of U.

    Example:
        >>> import steep
        >>> packed = steep.linalg.lu_factor(steep.tensor([[1.0, 2.0], [4.0, 4.0]]))
        >>> steep.linalg.lu_solve(*packed, steep.tensor([[3.0], [8.0]]))
        tensor([[1.],
                [1.]])
    """
    square("lu_solve", LU)
    if not left:
        return lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    order = _checked_order("lu_solve", LU, pivots)
    p = _permutation(order, LU.dtype)
    if adjoint:  # U^T L^T P^T X = B
        inner = solve_triangular(LU.mT, B, upper=False)
        return p @ solve_triangular(LU.mT, inner, upper=True, unitriangular=True)
    inner = solve_triangular(LU, p.mT @ B, upper=False, unitriangular=True)
    return solve_triangular(LU, inner, upper=True)
