"""What the rooms of linear algebra share: checks, and NumPy's functions on tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import Tensor, any_batched, from_numpy
from steep.autograd.function import Function

__all__ = ["LinAlgError", "by_numpy", "matrices", "square"]


class LinAlgError(RuntimeError):
    """A matrix that has no inverse, or no such factor."""


def matrices(op: str, x: Tensor) -> None:
    """Refuse what is no float matrix, or batch of them."""
    if not isinstance(x, Tensor):
        raise TypeError(f"linalg.{op}: expected a Tensor, got {type(x).__name__}")
    if x.dim() < 2:
        raise RuntimeError(
            f"linalg.{op}: expected at least 2 dimensions, got shape {tuple(x.shape)}; a vector is "
            "a matrix after unsqueeze(-1)"
        )
    if not x.is_floating_point():
        raise RuntimeError(
            f"linalg.{op}: expected a float32 or float64 tensor, got {x.dtype}; convert with "
            ".float() first"
        )


def square(op: str, x: Tensor) -> None:
    """Refuse what is no square matrix, or batch of them."""
    matrices(op, x)
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(f"linalg.{op}: expected square matrices, got shape {tuple(x.shape)}")


def by_numpy(op: str, function: Callable[..., Any], *operands: Tensor, dtype: Any = None) -> Any:
    """The function of NumPy's, of the values of tensors: a tensor, or a tuple of them.

    Results have the first operand's dtype, unless another of NumPy's is given, or one for each of
    them. Examples of `func.vmap` are computed at once: the function takes batches of matrices.
    """
    import numpy as np

    if any_batched(operands):
        return _OfExamples.apply(op, function, dtype, *operands)
    arrays = [x.detach().numpy() for x in operands]
    try:
        result = function(*arrays)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{op}: {error}; shape {tuple(operands[0].shape)}") from None
    kind = arrays[0].dtype if dtype is None else dtype
    if isinstance(result, tuple):
        kinds = kind if isinstance(kind, tuple) else (kind,) * len(result)
        pairs = zip(result, kinds, strict=True)
        return tuple(from_numpy(np.array(part, dtype=each)) for part, each in pairs)
    return from_numpy(np.array(result, dtype=kind))


class _OfExamples(Function):
    """`by_numpy` outside of a function with a gradient, which would have taken the examples off."""

    takes_batches = True

    @staticmethod
    def forward(ctx: Any, op: str, function: Any, dtype: Any, *operands: Tensor) -> Any:
        result = by_numpy(op, function, *operands, dtype=dtype)
        ctx.mark_non_differentiable(*(result if isinstance(result, tuple) else (result,)))
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> None:
        """Never called: no result has a gradient."""
