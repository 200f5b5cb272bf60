"""The exponential of a matrix."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, cat
from steep.autograd.function import Function
from steep.linalg._numpy import by_numpy, square

__all__ = ["matrix_exp"]

# The numerator of the Padé approximant of degree 13, and the norm up to which it is exact to a
# double: Higham, "The scaling and squaring method for the matrix exponential revisited" (2005),
# equation 2.4 and table 2.3.
PADE = (
    *(64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0),
    *(129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0),
    *(40840800.0, 960960.0, 16380.0, 182.0, 1.0),
)
LARGEST = 5.371920351148152


def _exponential(given: Any) -> Any:
    import numpy as np

    a = given.astype(np.float64)
    size = np.abs(a).sum(-2).max(-1, initial=0)
    if not np.isfinite(size).all():
        a, size = np.where(np.isfinite(size)[..., None, None], a, np.nan), np.nan_to_num(size)
    halvings = np.ceil(np.log2(np.maximum(size / LARGEST, 1))).astype(int)
    a = a / 2.0 ** halvings[..., None, None]
    b, unit = PADE, np.eye(a.shape[-1])
    a2 = a @ a
    a4, a6 = a2 @ a2, a2 @ a2 @ a2
    u = a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * unit
    v = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * unit
    u = a @ u
    out = np.linalg.solve(v - u, v + u)
    for step in range(halvings.max(initial=0)):
        out = np.where((step < halvings)[..., None, None], out @ out, out)
    return out


class _Exponential(Function):
    """exp([[X, E], [0, X]]) holds the derivative along E in its corner, and the gradient is the
    derivative at X^T along it: Al-Mohy and Higham, "Computing the Fréchet derivative of the matrix
    exponential" (2009), equation 1.4.
    """

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        out: Tensor = by_numpy("matrix_exp", _exponential, x)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        turned, size = x.mT, x.shape[-1]
        above = cat((turned, grad), -1)
        below = cat((turned * 0, turned), -1)
        corner: Tensor = matrix_exp(cat((above, below), -2))[..., :size, size:]
        return corner


def matrix_exp(A: Tensor) -> Tensor:  # noqa: N803 - PyTorch's name
    """The exponential of a square matrix: the sum of A^k / k! over all k from 0.

    Scaling and squaring with a Padé approximant, computed in float64.

    Args:
        A: (*, n, n).

    Raises:
        RuntimeError: For matrices that are not square, and integers.

    Example:
        >>> import steep
        >>> steep.linalg.matrix_exp(steep.tensor([[0.0, 1.0], [0.0, 0.0]]))
        tensor([[1., 1.],
                [0., 1.]])
    """
    square("matrix_exp", A)
    result: Tensor = _Exponential.apply(A)
    return result
