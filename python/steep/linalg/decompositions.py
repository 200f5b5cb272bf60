"""Factors of matrices: Cholesky's, orthogonal ones, eigenvectors and singular vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

from steep._core import Tensor, eye, tril
from steep.autograd.function import Function
from steep.linalg._numpy import by_numpy, matrices, square
from steep.linalg.inverse import inv

__all__ = ["cholesky", "eigh", "eigvalsh", "qr", "svd", "svdvals"]


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class _Cholesky(Function):
    """Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        import numpy as np

        out: Tensor = by_numpy("cholesky", np.linalg.cholesky, x)
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


def _apart(values: Tensor) -> Tensor:
    """1 / (values[j] - values[i]), and 0 on the diagonal."""
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    unit = eye(values.shape[-1], dtype=values.dtype)
    return (1 - unit) / (gaps + unit)


class _Eigen(Function):
    """dX = V (diag(dw) + (V^T dV) o gaps) V^T, turned around."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        values, vectors = by_numpy("eigh", lambda a: tuple(np.linalg.eigh(a)), x)
        ctx.save_for_backward(values, vectors)
        return values, vectors

    @staticmethod
    def backward(ctx: Any, by_values: Tensor, by_vectors: Tensor) -> Tensor:
        values, vectors = ctx.saved_tensors
        inner = by_values.diag_embed() + (vectors.mT @ by_vectors) * _apart(values)
        out = vectors @ inner @ vectors.mT
        symmetric: Tensor = (out + out.mT) / 2
        return symmetric


class _Singular(Function):
    """Townsend, "Differentiating the singular value decomposition" (2016), for thin factors."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        import numpy as np

        u, s, vh = by_numpy("svd", lambda a: tuple(np.linalg.svd(a, full_matrices=False)), x)
        ctx.save_for_backward(u, s, vh)
        return u, s, vh

    @staticmethod
    def backward(ctx: Any, by_u: Tensor, by_s: Tensor, by_vh: Tensor) -> Tensor:
        u, s, vh = ctx.saved_tensors
        v, by_v = vh.mT, by_vh.mT
        gaps = _apart(s * s)
        skew_u, skew_v = u.mT @ by_u, v.mT @ by_v
        inner = (gaps * (skew_u - skew_u.mT)) * s.unsqueeze(-2)
        inner = inner + s.unsqueeze(-1) * (gaps * (skew_v - skew_v.mT)) + by_s.diag_embed()
        out = u @ inner @ vh
        scaled_u = by_u / s.unsqueeze(-2)
        scaled_v = by_v / s.unsqueeze(-2)
        out = out + (scaled_u - u @ (u.mT @ scaled_u)) @ vh
        whole: Tensor = out + u @ (scaled_v - v @ (v.mT @ scaled_v)).mT
        return whole


class _Orthogonal(Function):
    """Of X = Q R with at least as many rows as columns."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        q, r = by_numpy("qr", lambda a: tuple(np.linalg.qr(a)), x)
        ctx.save_for_backward(q, r)
        return q, r

    @staticmethod
    def backward(ctx: Any, by_q: Tensor, by_r: Tensor) -> Tensor:
        q, r = ctx.saved_tensors
        if q.shape[-2] < r.shape[-1]:
            raise RuntimeError(
                "linalg.qr: expected at least as many rows as columns where a gradient is asked "
                f"for, got {q.shape[-2]} and {r.shape[-1]}"
            )
        m = r @ by_r.mT - by_q.mT @ q
        lower = m.tril(-1)
        symmetric = lower + lower.mT + _diagonal(m)
        slope: Tensor = (by_q + q @ symmetric) @ inv(r).mT
        return slope


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


def eigh(A: Tensor, UPLO: str = "L") -> EighResult:  # noqa: N803 - PyTorch's names
    """The eigenvalues of a symmetric matrix, rising, and its eigenvectors as columns.

    Gradients by the vectors need eigenvalues that differ, and functions that do not depend on the
    vectors' signs.

    Args:
        A: (*, n, n), of which one triangle is read.
        UPLO: ``'L'`` for the lower triangle, ``'U'`` for the upper one. Default: ``'L'``.

    Returns:
        `eigenvalues` and `eigenvectors`.

    Raises:
        RuntimeError: For matrices that are not square, and integers.

    Example:
        >>> import steep
        >>> steep.linalg.eigh(steep.tensor([[2.0, 0.0], [0.0, 1.0]]))[0]
        tensor([1., 2.])
    """
    square("eigh", A)
    if UPLO not in ("L", "U"):
        raise RuntimeError(f"linalg.eigh: expected UPLO to be 'L' or 'U', got {UPLO!r}")
    return EighResult(*_Eigen.apply(A if UPLO == "L" else A.mT))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:  # noqa: N803 - PyTorch's names
    """The eigenvalues of a symmetric matrix, rising; see `eigh`.

    Raises:
        RuntimeError: As `eigh`.

    Example:
        >>> import steep
        >>> steep.linalg.eigvalsh(steep.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1., 2.])
    """
    return eigh(A, UPLO)[0]


def svd(A: Tensor, full_matrices: bool = True) -> SVDResult:  # noqa: N803
    """The singular values, falling, and vectors: A = U diag(S) Vh.

    Args:
        A: (*, m, n).
        full_matrices: give square U and Vh, which have no gradient. Default: ``True``. Otherwise
            as many vectors as there are values, the lesser of m and n; their gradients need values
            that differ and are not 0.

    Returns:
        `U`, `S` and `Vh`.

    Raises:
        RuntimeError: For fewer than two dimensions, integers, and a gradient of square factors.

    Example:
        >>> import steep
        >>> steep.linalg.svd(steep.tensor([[3.0, 0.0], [0.0, 2.0]]))[1]
        tensor([3., 2.])
    """
    matrices("svd", A)
    if full_matrices and A.shape[-1] != A.shape[-2]:
        if A.requires_grad:
            raise RuntimeError(
                "linalg.svd: expected full_matrices=False where a gradient is asked for, got True; "
                "the further vectors are not determined"
            )
        import numpy as np

        return SVDResult(*by_numpy("svd", lambda a: tuple(np.linalg.svd(a)), A))
    return SVDResult(*_Singular.apply(A))


def svdvals(A: Tensor) -> Tensor:  # noqa: N803 - PyTorch's name
    """The singular values, falling; see `svd`.

    Raises:
        RuntimeError: As `svd`.

    Example:
        >>> import steep
        >>> steep.linalg.svdvals(steep.tensor([[3.0, 0.0], [0.0, 2.0]]))
        tensor([3., 2.])
    """
    return svd(A, full_matrices=False)[1]


def qr(A: Tensor) -> QRResult:  # noqa: N803 - PyTorch's name
    """Orthonormal columns and an upper triangle: A = Q R.

    Args:
        A: (*, m, n); for a gradient, m is not below n.

    Returns:
        `Q` (*, m, k) and `R` (*, k, n), with the lesser k of m and n.

    Raises:
        RuntimeError: For fewer than two dimensions, and integers.

    Example:
        >>> import steep
        >>> q, r = steep.linalg.qr(steep.tensor([[3.0, 1.0], [4.0, 1.0]]))
        >>> steep.allclose(q @ r, steep.tensor([[3.0, 1.0], [4.0, 1.0]]), atol=1e-5)
        True
    """
    matrices("qr", A)
    return QRResult(*_Orthogonal.apply(A))
