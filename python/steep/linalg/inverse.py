"""The inverse of a matrix, which gradients of other functions need as well."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor
from steep._out import takes_out
from steep.autograd.function import Function
from steep.linalg._numpy import by_numpy, square

__all__ = ["inv", "inverse"]


class _Inverse(Function):
    """d(X^-1) = -X^-1 dX X^-1."""

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        import numpy as np

        out: Tensor = by_numpy("inv", np.linalg.inv, x)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (out,) = ctx.saved_tensors
        slope: Tensor = out.mT @ grad @ out.mT
        return -slope


@takes_out
def inv(A: Tensor) -> Tensor:  # noqa: N803 - PyTorch's name
    """The inverse of a square matrix.

    Args:
        A: (*, n, n).

    Raises:
        RuntimeError: For matrices that are not square or have no inverse, and for integers.

    Example:
        >>> import steep
        >>> steep.linalg.inv(steep.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    square("inv", A)
    result: Tensor = _Inverse.apply(A)
    return result


inverse = inv
