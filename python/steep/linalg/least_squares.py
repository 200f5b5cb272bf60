"""The pseudoinverse, and what is decided by small singular values: least squares, ranks."""

from __future__ import annotations

from typing import Any, NamedTuple

from steep._core import Tensor
from steep._info import finfo
from steep._out import takes_out
from steep._printing import named_result
from steep.autograd.function import Function
from steep.linalg._numpy import by_numpy, matrices, square

__all__ = ["lstsq", "matrix_rank", "pinv"]

Limit = float | Tensor | None
DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


class LstsqResult(NamedTuple):
    """What `lstsq` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_lstsq", self)


def _limits(x: Tensor, atol: Limit, rtol: Limit) -> tuple[Any, Any]:
    """The two tolerances as numbers or arrays: rounding of the larger size, where none is given."""
    import numpy as np

    given = atol is not None and bool((np.asarray(atol) > 0).all())
    if rtol is None:
        rtol = 0.0 if given else max(x.shape[-2:]) * finfo(x.dtype).eps
    return np.asarray(0.0 if atol is None else atol), np.asarray(rtol)


def _kept(values: Any, limits: tuple[Any, Any]) -> Any:
    """Which singular values are above max(atol, rtol times the largest)."""
    import numpy as np

    atol, rtol = (limit[..., None] for limit in limits)
    largest = values.max(-1, keepdims=True, initial=0)
    return values > np.maximum(atol, rtol * largest)


class _PseudoInverse(Function):
    """Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate" (1973), equation 4.12: for matrices that keep their rank.

    dP = -P dA P + P P^T dA^T (I - A P) + (I - P A) dA^T P^T P
    """

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, x: Tensor, limits: tuple[Any, Any]) -> Tensor:
        import numpy as np

        def inverse(a: Any) -> Any:
            u, s, vh = np.linalg.svd(a, full_matrices=False)
            kept = _kept(s, limits)
            back = np.where(kept, 1 / np.where(kept, s, 1), 0)
            return (vh.swapaxes(-1, -2) * back[..., None, :]) @ u.swapaxes(-1, -2)

        out: Tensor = by_numpy("pinv", inverse, x)
        ctx.save_for_backward(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        a, p = ctx.saved_tensors
        left, right = grad.mT @ p @ p.mT, p.mT @ p @ grad.mT  # both (m, n)
        slope = (left - a @ (p @ left)) + (right - (right @ p) @ a) - p.mT @ grad @ p.mT
        return slope, None


def _symmetric(x: Tensor) -> Tensor:
    """What the lower triangle says."""
    return x.tril() + x.tril(-1).mT


@takes_out
def pinv(
    A: Tensor,  # noqa: N803 - PyTorch's name
    rcond: Limit = None,
    hermitian: bool = False,
    *,
    atol: Limit = None,
    rtol: Limit = None,
) -> Tensor:
    """The pseudoinverse of Moore and Penrose, by the singular values.

    Args:
        A: (*, m, n).
        rcond: an older name of `rtol`.
        hermitian: take A for symmetric, and read its lower triangle. Default: ``False``.
        atol: singular values up to it are taken for 0; a number, or a tensor of one for each
            matrix. Default: 0.
        rtol: the same, times the largest singular value. Default: the rounding of a number, times
            the larger of m and n; 0 where `atol` is given.

    Returns:
        (*, n, m). Its gradient is that along matrices of the same rank.

    Raises:
        RuntimeError: For fewer than two dimensions, integers, and a `hermitian` A that is not
            square.

    Example:
        >>> import steep
        >>> steep.linalg.pinv(steep.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    (square if hermitian else matrices)("pinv", A)
    limits = _limits(A, atol, rcond if rtol is None else rtol)
    result: Tensor = _PseudoInverse.apply(_symmetric(A) if hermitian else A, limits)
    return result


@takes_out
def matrix_rank(
    A: Tensor,  # noqa: N803 - PyTorch's name
    tol: Limit = None,
    hermitian: bool = False,
    *,
    atol: Limit = None,
    rtol: Limit = None,
) -> Tensor:
    """How many singular values are not 0.

    Args:
        A: (*, m, n).
        tol: an older name of `atol`.
        hermitian: take A for symmetric, and read its lower triangle. Default: ``False``.
        atol: as for `pinv`.
        rtol: as for `pinv`.

    Returns:
        An int64 tensor of shape (*).

    Raises:
        RuntimeError: As `pinv`.

    Example:
        >>> import steep
        >>> steep.linalg.matrix_rank(steep.ones(3, 3))
        tensor(1)
    """
    (square if hermitian else matrices)("matrix_rank", A)
    import numpy as np

    x = _symmetric(A) if hermitian else A
    limits = _limits(A, tol if atol is None else atol, rtol)

    def rank(a: Any) -> Any:
        return _kept(np.linalg.svd(a, compute_uv=False), limits).sum(-1)

    return by_numpy("matrix_rank", rank, x, dtype=np.int64)  # type: ignore[no-any-return]


def lstsq(
    A: Tensor,  # noqa: N803 - PyTorch's names
    B: Tensor,  # noqa: N803
    rcond: float | None = None,
    *,
    driver: str | None = None,
) -> LstsqResult:
    """The X that minimises the squares of A X - B; of several, the one of least size.

    Args:
        A: (*, m, n).
        B: (*, m, k), or (*, m) for one vector of each matrix.
        rcond: singular values below it, times the largest, are taken for 0. Default: the rounding
            of a number, times the larger of m and n.
        driver: ``'gels'``, ``'gelsy'``, ``'gelsd'`` or ``'gelss'``: which of the further results
            there are; all of them compute by singular values. Default: ``'gelsy'``.

    Returns:
        `solution` (*, n, k), which has gradients along matrices of the same rank; `residuals`
        (*, k), the sums of squares, where m > n and A has full rank, but for ``'gelsy'``, with
        gradients as well; `rank` (*), but for ``'gels'``; `singular_values` for ``'gelsd'`` and
        ``'gelss'``. What is left out is empty.

    Raises:
        RuntimeError: For shapes or dtypes that do not fit, integers, and another driver.

    Example:
        >>> import steep
        >>> x = steep.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
        >>> steep.linalg.lstsq(x, steep.tensor([[1.0], [3.0], [5.0]])).solution.round(decimals=3)
        tensor([[1.],
                [2.]])
    """
    matrices("lstsq", A)
    if driver not in (None, *DRIVERS):
        raise RuntimeError(
            f"linalg.lstsq: expected driver to be one of {', '.join(DRIVERS)}, got {driver!r}"
        )
    if not isinstance(B, Tensor) or B.dtype != A.dtype:
        raise RuntimeError(
            f"linalg.lstsq: expected B to be a tensor of A's dtype, {A.dtype}, got "
            f"{getattr(B, 'dtype', type(B).__name__)}"
        )
    vector = B.dim() == A.dim() - 1 and B.shape[-1:] == A.shape[-2:-1]
    right = B.unsqueeze(-1) if vector else B
    if right.dim() < 2 or right.shape[-2] != A.shape[-2]:
        raise RuntimeError(
            f"linalg.lstsq: expected as many rows in B as A has, got {tuple(A.shape)} and "
            f"{tuple(B.shape)}"
        )
    limits = _limits(A, None, None if rcond is None or rcond < 0 else rcond)
    solution = _PseudoInverse.apply(A, limits) @ right
    rank = matrix_rank(A.detach(), rtol=limits[1])
    residuals = A.new_empty(0)
    left_over = A.shape[-2] > A.shape[-1] and driver not in (None, "gelsy")
    if left_over and (driver == "gels" or bool((rank == A.shape[-1]).all())):
        residuals = (A @ solution - right).square().sum(-2)
    values = A.new_empty(0)
    if driver in ("gelsd", "gelss"):
        import numpy as np

        values = by_numpy("lstsq", lambda a: np.linalg.svd(a, compute_uv=False), A)
    return LstsqResult(
        solution.squeeze(-1) if vector else solution,
        residuals,
        rank if driver != "gels" else rank.new_empty(0),
        values,
    )
