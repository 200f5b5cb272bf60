"""Copies and pickles of tensors: what `__copy__`, `__deepcopy__` and `__reduce_ex__` call."""

from __future__ import annotations

import copy
from typing import Any

from steep._core import Tensor, dtype, empty

__all__ = ["copy_tensor", "deepcopy_tensor", "rebuild_tensor", "reduce_tensor"]


def copy_tensor(x: Tensor) -> Tensor:
    """Another tensor on the same memory, of the same class, with its attributes; a leaf."""
    out = Tensor._make_subclass(type(x), x.detach(), x.requires_grad)
    attributes = getattr(x, "__dict__", None)
    if attributes:
        out.__dict__.update(attributes)
    return out


def deepcopy_tensor(x: Tensor, memo: dict[int, Any]) -> Tensor:
    """A copy with memory of its own, of the same class, with its gradient and attributes.

    Raises:
        RuntimeError: if `x` is no leaf: its history cannot be copied with it.
    """
    if id(x) in memo:
        known: Tensor = memo[id(x)]
        return known
    if not x.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            f"protocol at the moment; got one made by {x.grad_fn.name()}: use .detach().clone()"
        )
    out = Tensor._make_subclass(type(x), x.detach().clone(), x.requires_grad)
    memo[id(x)] = out
    if x.grad is not None:
        out.grad = copy.deepcopy(x.grad, memo)
    attributes = getattr(x, "__dict__", None)
    if attributes:
        out.__dict__.update(copy.deepcopy(attributes, memo))
    return out


def reduce_tensor(x: Tensor) -> tuple[Any, ...]:
    """What pickle stores: class, bytes, dtype, shape, requires_grad and attributes."""
    if not x.is_leaf:
        raise RuntimeError(
            "Tensor: only leaves of the graph can be pickled; got one made by "
            f"{x.grad_fn.name()}: use .detach()"
        )
    data = memoryview(x.detach().contiguous()).tobytes()
    attributes = getattr(x, "__dict__", None) or None
    state = (type(x), data, x.dtype, tuple(x.shape), x.requires_grad, attributes)
    return rebuild_tensor, state


def rebuild_tensor(
    cls: type[Tensor],
    data: bytes,
    kind: dtype,
    shape: tuple[int, ...],
    requires_grad: bool,
    attributes: dict[str, Any] | None,
) -> Tensor:
    """The tensor that `reduce_tensor` took apart."""
    out = empty(shape, dtype=kind)
    if out.numel() > 0:
        memoryview(out).cast("B")[:] = data
    if cls is not Tensor or requires_grad:
        out = Tensor._make_subclass(cls, out, requires_grad)
    if attributes:
        out.__dict__.update(attributes)
    return out
