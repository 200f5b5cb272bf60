"""What the rooms of linear algebra share: checks, and NumPy's functions on tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import Tensor, from_numpy

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

    Results have the first operand's dtype, unless another of NumPy's is given.
    """
    import numpy as np

    arrays = [x.detach().numpy() for x in operands]
    try:
        result = function(*arrays)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{op}: {error}; shape {tuple(operands[0].shape)}") from None
    kind = arrays[0].dtype if dtype is None else dtype
    if isinstance(result, tuple):
        return tuple(from_numpy(np.array(part, dtype=kind)) for part in result)
    return from_numpy(np.array(result, dtype=kind))
