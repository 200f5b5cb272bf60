"""Linear systems, determinants and powers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from steep._core import Tensor, chain_matmul, eye, full_like
from steep._out import takes_out
from steep._printing import named_result
from steep.autograd.function import Function
from steep.linalg._numpy import LinAlgError, by_numpy, square
from steep.linalg.inverse import inv
from steep.linalg.spectral import svd

__all__ = ["det", "matrix_power", "multi_dot", "slogdet", "solve", "solve_triangular"]


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor

    def __repr__(self) -> str:
        return named_result("linalg_slogdet", self)


class _Solution(Function):
    """Of A X = B: the gradient of B solves A^T Y = grad, that of A is -Y X^T."""

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        import numpy as np

        out: Tensor = by_numpy("solve", np.linalg.solve, a, b)
        ctx.save_for_backward(a, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        a, out = ctx.saved_tensors
        by_b: Tensor = _Solution.apply(a.mT, grad)
        return -(by_b @ out.mT), by_b


class _TriangularSolution(Function):
    """The same of a triangle, by which a 0 on the diagonal divides: what it does is infinite."""

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, upper: bool) -> Tensor:
        out: Tensor = by_numpy("solve_triangular", lambda x, y: _substituted(x, y, upper), a, b)
        ctx.save_for_backward(a, out)
        ctx.upper = upper
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        a, out = ctx.saved_tensors
        by_b: Tensor = _TriangularSolution.apply(a.mT, grad, not ctx.upper)
        return -(by_b @ out.mT), by_b, None


def _substituted(a: Any, b: Any, upper: bool) -> Any:
    """NumPy's solution; where a diagonal holds a 0, by substitution from the end that is known."""
    import numpy as np

    if a.diagonal(axis1=-2, axis2=-1).all():
        return np.linalg.solve(a, b)
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = np.array(np.broadcast_to(b, (*shape, *b.shape[-2:])))
    size = a.shape[-1]
    with np.errstate(all="ignore"):
        for i in reversed(range(size)) if upper else range(size):
            known = slice(i + 1, None) if upper else slice(i)
            done = a[..., i, None, known] @ out[..., known, :]
            out[..., i, :] = (out[..., i, :] - done[..., 0, :]) / a[..., i, i, None]
    return out


class _Determinant(Function):
    """d det X = det X trace(X^-1 dX)."""

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        import numpy as np

        out: Tensor = by_numpy("det", np.linalg.det, x)
        ctx.save_for_backward(x, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, out = ctx.saved_tensors
        if (out == 0).any():
            return _cofactors(x) * grad.unsqueeze(-1).unsqueeze(-1)
        slope: Tensor = inv(x).mT * (grad * out).unsqueeze(-1).unsqueeze(-1)
        return slope


def _cofactors(x: Tensor) -> Tensor:
    """The gradient of det X, where X may have no inverse: det(U V^T) U diag(others' product) V^T.

    Its own gradient needs singular values that differ.
    """
    u, s, vh = svd(x)
    size = s.shape[-1]
    others = s.unsqueeze(-2).expand(*s.shape, size).masked_fill(eye(size).bool(), 1.0).prod(-1)
    sign = _Determinant.apply(u @ vh).detach().round()
    cofactors: Tensor = u @ (others * sign.unsqueeze(-1)).diag_embed() @ vh
    return cofactors


class _LogDeterminant(Function):
    """d log|det X| = trace(X^-1 dX); the sign is constant."""

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        sign, logarithm = by_numpy("slogdet", lambda a: tuple(np.linalg.slogdet(a)), x)
        ctx.save_for_backward(x)
        ctx.mark_non_differentiable(sign)
        return sign, logarithm

    @staticmethod
    def backward(ctx: Any, _: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope: Tensor = _inverse_or_infinity(x).mT * grad.unsqueeze(-1).unsqueeze(-1)
        return slope


def _inverse_or_infinity(x: Tensor) -> Tensor:
    """The inverses, infinite where there is none, as the logarithm is: the others have theirs."""
    try:
        return inv(x)
    except LinAlgError:
        import numpy as np

        signs = by_numpy("slogdet", lambda a: np.linalg.slogdet(a)[0], x)
        whole = (signs != 0).unsqueeze(-1).unsqueeze(-1)
        inverse = inv(x.where(whole, eye(x.shape[-1], dtype=x.dtype)))
        return inverse.where(whole, full_like(inverse.detach(), float("inf")))


@takes_out
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:  # noqa: N803 - PyTorch's names
    """The X for which A X = B.

    Args:
        A: (*, n, n).
        B: (*, n, k); (n) for a vector, or (*, n) for one of each matrix.
        left: solve A X = B, otherwise X A = B for B (*, k, n). Default: ``True``.

    Raises:
        RuntimeError: For shapes or dtypes that do not fit, an A without an inverse, and integers.

    Example:
        >>> import steep
        >>> a = steep.tensor([[2.0, 0.0], [0.0, 4.0]])
        >>> steep.linalg.solve(a, steep.tensor([2.0, 2.0]))
        tensor([1.0000, 0.5000])
    """
    square("solve", A)
    if not left:
        return solve(A.mT, B.mT).mT if B.dim() > 1 else solve(A.mT, B)
    vector = B.dim() == 1 or (B.dim() == A.dim() - 1 and B.shape == A.shape[:-1])
    right = B.unsqueeze(-1) if vector else B
    _check_rows("solve", A, right, B)
    result: Tensor = _Solution.apply(A, right)
    return result.squeeze(-1) if vector else result


def _check_rows(op: str, a: Tensor, right: Tensor, given: Tensor) -> None:
    """Refuse right sides of another dtype, or of another number of rows."""
    if a.dtype != right.dtype:
        raise RuntimeError(f"linalg.{op}: expected one dtype, got {a.dtype} and {right.dtype}")
    if right.shape[-2] != a.shape[-1]:
        raise RuntimeError(
            f"linalg.{op}: expected as many rows in B as A has, got {tuple(a.shape)} and "
            f"{tuple(given.shape)}"
        )


@takes_out
def solve_triangular(
    A: Tensor,  # noqa: N803 - PyTorch's names
    B: Tensor,  # noqa: N803
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> Tensor:
    """The X for which A X = B, of which only one triangle of A is read.

    Args:
        A: (*, n, n).
        B: (*, n, k).
        upper: which triangle.
        left: solve A X = B, otherwise X A = B for B (*, k, n). Default: ``True``.
        unitriangular: take the diagonal for ones. Default: ``False``.

    Raises:
        RuntimeError: For shapes or dtypes that do not fit, and integers.

    A 0 on the diagonal is divided by: the solution has infinities, and NaN.

    Example:
        >>> import steep
        >>> a = steep.tensor([[2.0, 0.0], [2.0, 4.0]])
        >>> steep.linalg.solve_triangular(a, steep.tensor([[2.0], [6.0]]), upper=False)
        tensor([[1.],
                [1.]])
    """
    square("solve_triangular", A)
    if B.dim() < 2:
        raise RuntimeError(
            f"linalg.solve_triangular: expected B of at least 2 dimensions, got {tuple(B.shape)}"
        )
    offset = 1 if unitriangular else 0
    triangle = A.triu(offset) if upper else A.tril(-offset)
    if unitriangular:
        triangle = triangle + eye(A.shape[-1], dtype=A.dtype)
    right = B if left else B.mT
    _check_rows("solve_triangular", A, right, B)
    if left:
        result: Tensor = _TriangularSolution.apply(triangle, right, upper)
        return result
    turned: Tensor = _TriangularSolution.apply(triangle.mT, right, not upper)
    return turned.mT


@takes_out
def slogdet(A: Tensor) -> SlogdetResult:  # noqa: N803 - PyTorch's name
    """The sign of the determinant, and the logarithm of its size.

    Args:
        A: (*, n, n).

    Returns:
        `sign` and `logabsdet`.

    Raises:
        RuntimeError: For matrices that are not square, and integers.

    Example:
        >>> import steep
        >>> steep.linalg.slogdet(-steep.eye(3))[0]
        tensor(-1.)
    """
    square("slogdet", A)
    return SlogdetResult(*_LogDeterminant.apply(A))


@takes_out
def det(A: Tensor) -> Tensor:  # noqa: N803 - PyTorch's name
    """The determinant.

    Args:
        A: (*, n, n).

    Raises:
        RuntimeError: For matrices that are not square, and integers.

    Example:
        >>> import steep
        >>> steep.linalg.det(steep.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(-2.)
    """
    square("det", A)
    result: Tensor = _Determinant.apply(A)
    return result


@takes_out
def matrix_power(A: Tensor, n: int) -> Tensor:  # noqa: N803 - PyTorch's name
    """A times itself, n times; of a negative n, the inverse.

    Args:
        A: (*, m, m).
        n: how often; 0 gives the unit matrix.

    Raises:
        RuntimeError: For matrices that are not square, and a negative n of integers or without
            inverse.

    Example:
        >>> import steep
        >>> steep.linalg.matrix_power(steep.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
        tensor([[1., 3.],
                [0., 1.]])
    """
    square("matrix_power", A if n < 0 or A.is_floating_point() else A.double())
    base, left = (inv(A), -n) if n < 0 else (A, n)
    result: Tensor | None = None
    while left:
        if left & 1:
            result = base if result is None else result @ base
        left >>= 1
        if left:
            base = base @ base
    if result is None:
        return eye(A.shape[-1], dtype=A.dtype).expand(A.shape).clone()
    return result


@takes_out
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices, from the end at which it is cheaper.

    Args:
        tensors: two matrices or more that follow on each other; the first and the last may be
            vectors.

    Raises:
        RuntimeError: For other than matrices, and when inner sizes differ.

    Example:
        >>> import steep
        >>> steep.linalg.multi_dot([steep.eye(2), steep.ones(2, 1)]).shape
        steep.Size([2, 1])
    """
    parts = list(tensors)
    if len(parts) < 2:
        raise RuntimeError(f"linalg.multi_dot: expected at least 2 tensors, got {len(parts)}")
    starts, ends = (len(parts) > 1 and parts[end].dim() == 1 for end in (0, -1))
    if starts:
        parts[0] = parts[0].unsqueeze(0)
    if ends:
        parts[-1] = parts[-1].unsqueeze(-1)
    product = chain_matmul(*parts)
    product = product.squeeze(-1) if ends else product
    return product.squeeze(0) if starts else product
