"""Eigenvalues of symmetric matrices, singular values, and their vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

from steep._core import Tensor, eye, zeros_like
from steep._out import takes_out
from steep._printing import named_result
from steep.autograd.function import Function
from steep.linalg._numpy import by_numpy, matrices, square

__all__ = ["eigh", "eigvalsh", "svd", "svdvals"]


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_eigh", self)


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_svd", self)


def _apart(values: Tensor) -> Tensor:
    """1 / (values[j] - values[i]), and 0 on the diagonal."""
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    unit = eye(values.shape[-1], dtype=values.dtype)
    return (1 - unit) / (gaps + unit)


class _Eigen(Function):
    """dX = V (diag(dw) + (V^T dV) o gaps) V^T, turned around."""

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        values, vectors = by_numpy("eigh", lambda a: tuple(np.linalg.eigh(a)), x)
        ctx.save_for_backward(values, vectors)
        ctx.set_materialize_grads(False)
        return values, vectors

    @staticmethod
    def backward(ctx: Any, by_values: Tensor | None, by_vectors: Tensor | None) -> Tensor:
        values, vectors = ctx.saved_tensors
        inner = zeros_like(vectors)
        if by_values is not None:
            inner = inner + by_values.diag_embed()
        if by_vectors is not None:  # needs values that differ, which those alone do not
            inner = inner + (vectors.mT @ by_vectors) * _apart(values)
        out = vectors @ inner @ vectors.mT
        symmetric: Tensor = (out + out.mT) / 2
        return symmetric


class _Singular(Function):
    """Townsend, "Differentiating the singular value decomposition" (2016), for thin factors.

    Of square ones, the vectors that have no value are not determined, and have no gradient.
    """

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, x: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
        import numpy as np

        u, s, vh = by_numpy("svd", lambda a: tuple(np.linalg.svd(a, full_matrices=full)), x)
        ctx.save_for_backward(u, s, vh)
        ctx.set_materialize_grads(False)
        return u, s, vh

    @staticmethod
    def backward(
        ctx: Any, by_u: Tensor | None, by_s: Tensor | None, by_vh: Tensor | None
    ) -> tuple[Tensor, None]:
        u, s, vh = ctx.saved_tensors
        count = s.shape[-1]
        u, vh = u[..., :count], vh[..., :count, :]
        by_u = by_u[..., :count] if by_u is not None else None
        by_vh = by_vh[..., :count, :] if by_vh is not None else None
        out = u @ by_s.diag_embed() @ vh if by_s is not None else zeros_like(u @ vh)
        if by_u is not None or by_vh is not None:  # what the values alone do not need
            gaps = _apart(s * s)
        if by_u is not None:
            skew = u.mT @ by_u
            out = out + u @ ((gaps * (skew - skew.mT)) * s.unsqueeze(-2)) @ vh
            if u.shape[-2] > u.shape[-1]:  # what lies beside the vectors
                scaled = by_u / s.unsqueeze(-2)
                out = out + (scaled - u @ (u.mT @ scaled)) @ vh
        if by_vh is not None:
            v, by_v = vh.mT, by_vh.mT
            skew = v.mT @ by_v
            out = out + u @ (s.unsqueeze(-1) * (gaps * (skew - skew.mT))) @ vh
            if v.shape[-2] > v.shape[-1]:
                scaled = by_v / s.unsqueeze(-2)
                out = out + u @ (scaled - v @ (v.mT @ scaled)).mT
        return out, None


@takes_out
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


@takes_out
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:  # noqa: N803 - PyTorch's names
    """The eigenvalues of a symmetric matrix, rising; see `eigh`.

    Their gradient needs no eigenvalues that differ; its own gradient does.

    Raises:
        RuntimeError: As `eigh`.

    Example:
        >>> import steep
        >>> steep.linalg.eigvalsh(steep.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1., 2.])
    """
    return eigh(A, UPLO)[0]


@takes_out
def svd(A: Tensor, full_matrices: bool = True) -> SVDResult:  # noqa: N803
    """The singular values, falling, and vectors: A = U diag(S) Vh.

    Args:
        A: (*, m, n).
        full_matrices: give square U and Vh. Default: ``True``. Otherwise as many vectors as there
            are values, the lesser of m and n. Gradients by these need values that differ and are
            not 0; the further ones of square factors are not determined, and have none.

    Returns:
        `U`, `S` and `Vh`.

    Raises:
        RuntimeError: For fewer than two dimensions, and integers.

    Example:
        >>> import steep
        >>> steep.linalg.svd(steep.tensor([[3.0, 0.0], [0.0, 2.0]]))[1]
        tensor([3., 2.])
    """
    matrices("svd", A)
    return SVDResult(*_Singular.apply(A, full_matrices))


@takes_out
def svdvals(A: Tensor) -> Tensor:  # noqa: N803 - PyTorch's name
    """The singular values, falling; see `svd`.

    Their gradient needs no values that differ; its own gradient does.

    Raises:
        RuntimeError: As `svd`.

    Example:
        >>> import steep
        >>> steep.linalg.svdvals(steep.tensor([[3.0, 0.0], [0.0, 2.0]]))
        tensor([3., 2.])
    """
    return svd(A, full_matrices=False)[1]
