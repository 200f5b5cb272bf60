"""Factors of matrices: Cholesky's and orthogonal ones."""

from __future__ import annotations

from typing import Any, NamedTuple

from steep._core import Tensor, cat, is_grad_enabled, tril
from steep._out import takes_out
from steep._printing import named_result
from steep.autograd.function import Function
from steep.linalg._numpy import by_numpy, matrices, square
from steep.linalg.inverse import inv

__all__ = ["cholesky", "qr"]


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_qr", self)


class _Cholesky(Function):
    """Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10."""

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        import numpy as np

        def factor(a: Any) -> Any:
            found = np.linalg.cholesky(a)
            # LAPACK compares pivots with 0, which lets nan and infinities pass.
            if not np.isfinite(found.diagonal(0, -2, -1)).all():
                raise np.linalg.LinAlgError("Matrix is not positive definite")
            return found

        out: Tensor = by_numpy("cholesky", factor, x)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (factor,) = ctx.saved_tensors
        inner = tril(factor.mT @ grad)
        half = inner - _diagonal(inner) / 2
        back = inv(factor)
        full = back.mT @ half @ back
        symmetric: Tensor = (full + full.mT) / 2
        return symmetric


def _diagonal(x: Tensor) -> Tensor:
    return x.diagonal(0, -2, -1).diag_embed()


class _Orthogonal(Function):
    """Of X = Q R with at least as many rows as columns."""

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        q, r = by_numpy("qr", lambda a: tuple(np.linalg.qr(a)), x)
        ctx.save_for_backward(q, r)
        return q, r

    @staticmethod
    def backward(ctx: Any, by_q: Tensor, by_r: Tensor) -> Tensor:
        q, r = ctx.saved_tensors
        m = r @ by_r.mT - by_q.mT @ q
        lower = m.tril(-1)
        symmetric = lower + lower.mT + _diagonal(m)
        slope: Tensor = (by_q + q @ symmetric) @ inv(r).mT
        return slope


@takes_out
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:  # noqa: N803 - PyTorch's name
    """The triangular L of a symmetric, positive definite matrix: A = L L^T.

    Args:
        A: (*, n, n), of which the lower triangle is read.
        upper: give L^T instead. Default: ``False``.

    Raises:
        RuntimeError: For matrices that are not square or not positive definite, and integers.

    Example:
        >>> import steep
        >>> steep.linalg.cholesky(steep.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 0.],
                [1., 2.]])
    """
    square("cholesky", A)
    factor: Tensor = _Cholesky.apply(A)
    return factor.mT if upper else factor


@takes_out
def qr(A: Tensor, mode: str = "reduced") -> QRResult:  # noqa: N803 - PyTorch's name
    """Orthonormal columns and an upper triangle: A = Q R.

    Gradients need linearly independent columns, of a wide matrix among the first m. That of a
    wide one follows from its parts: A = [X Y] has Q and R = [U, Q^T Y], where X = Q U.

    Args:
        A: (*, m, n).
        mode: ``'reduced'``; ``'complete'``: a square Q (*, m, m), which has a gradient if m is not
            above n; ``'r'``: an empty Q. Default: ``'reduced'``.

    Returns:
        `Q` (*, m, k) and `R` (*, k, n), with the lesser k of m and n.

    Raises:
        RuntimeError: For fewer than two dimensions, integers, another mode, and gradients of the
            modes that have none.

    Example:
        >>> import steep
        >>> q, r = steep.linalg.qr(steep.tensor([[3.0, 1.0], [4.0, 1.0]]))
        >>> steep.allclose(q @ r, steep.tensor([[3.0, 1.0], [4.0, 1.0]]), atol=1e-5)
        True
    """
    matrices("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"linalg.qr: expected mode to be 'reduced', 'complete' or 'r', got {mode!r}"
        )
    rows, columns = A.shape[-2:]
    wanted = A.requires_grad and is_grad_enabled()
    if mode == "r" or (mode == "complete" and rows > columns):
        if wanted:
            raise RuntimeError(
                f"linalg.qr: expected mode='reduced' where a gradient is asked for, got {mode!r}, "
                "whose further columns are not determined"
            )
        return _without_gradient(A, mode)
    if rows >= columns or not wanted:
        return QRResult(*_Orthogonal.apply(A))
    q, left = _Orthogonal.apply(A[..., :rows])
    return QRResult(q, cat((left, q.mT @ A[..., rows:]), -1))


def _without_gradient(x: Tensor, mode: str) -> QRResult:
    import numpy as np

    if mode == "r":
        return QRResult(x.new_empty(0), by_numpy("qr", lambda a: np.linalg.qr(a, "r"), x))
    return QRResult(*by_numpy("qr", lambda a: tuple(np.linalg.qr(a, "complete")), x))
