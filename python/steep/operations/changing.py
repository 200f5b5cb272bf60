"""Tensors changed in place: by a function of Python's, by another size, by functions above."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import Tensor, empty, no_grad
from steep.operations import asking, choosing, numbers

__all__ = [
    "apply_",
    "gcd_",
    "index_reduce_",
    "lcm_",
    "ldexp_",
    "map2_",
    "map_",
    "nextafter_",
    "renorm_",
    "resize_",
    "resize_as_",
]


def _write(name: str, x: Tensor, value: Tensor) -> Tensor:
    if value.shape != x.shape:
        raise RuntimeError(
            f"{name}: expected operands that broadcast to {tuple(x.shape)}, got a result of "
            f"{tuple(value.shape)}"
        )
    if not asking.can_cast(value.dtype, x.dtype):
        raise RuntimeError(f"{name}: result type {value.dtype} can't be cast to {x.dtype}")
    return x.copy_(value)


def gcd_(self: Tensor, other: Tensor) -> Tensor:
    """In-place form of gcd."""
    return _write("gcd_", self, numbers.gcd(self, other))


def lcm_(self: Tensor, other: Tensor) -> Tensor:
    """In-place form of lcm."""
    return _write("lcm_", self, numbers.lcm(self, other))


def ldexp_(self: Tensor, other: Tensor) -> Tensor:
    """In-place form of ldexp."""
    return _write("ldexp_", self, numbers.ldexp(self.clone(), other))


def nextafter_(self: Tensor, other: Tensor) -> Tensor:
    """In-place form of nextafter."""
    return _write("nextafter_", self, numbers.nextafter(self, other))


def renorm_(self: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """In-place form of renorm."""
    return _write("renorm_", self, choosing.renorm(self.clone(), p, dim, maxnorm))


def index_reduce_(
    self: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """In-place form of index_reduce."""
    value = choosing.index_reduce(
        self.clone(), dim, index, source, reduce, include_self=include_self
    )
    return _write("index_reduce_", self, value)


def _by_python(name: str, x: Tensor, function: Callable[..., Any], *others: Tensor) -> Tensor:
    if x.requires_grad:
        raise RuntimeError(
            f"{name}: expected a tensor that requires no grad, for Python's functions have no "
            "derivative; use .detach()"
        )
    for other in others:
        if other.shape != x.shape:
            raise RuntimeError(
                f"{name}: expected tensors of one shape, got {tuple(x.shape)} and "
                f"{tuple(other.shape)}"
            )
    columns = [t.reshape(-1).tolist() for t in (x, *others)]
    values = [function(*row) for row in zip(*columns, strict=True)]
    return x.copy_(x.new_tensor(values).reshape(x.shape))


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Write what a function of Python's makes of each element; slow, for what has no operation.

    Args:
        callable: from a number to a number.

    Raises:
        RuntimeError: For a tensor that requires grad.
        TypeError: For what is no function, or returns no numbers.

    Example:
        >>> import steep
        >>> steep.tensor([1.0, 2.0]).apply_(lambda number: number + 1)
        tensor([2., 3.])
    """
    return _by_python("apply_", self, callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Write what a function of Python's makes of the elements of two tensors; slow.

    Args:
        tensor: of the same shape.
        callable: from two numbers to a number.

    Raises:
        RuntimeError: For shapes that differ, and a tensor that requires grad.
        TypeError: For what is no function, or returns no numbers.

    Example:
        >>> import steep
        >>> steep.tensor([1.0, 2.0]).map_(steep.tensor([3.0, 4.0]), lambda a, b: a * b)
        tensor([3., 8.])
    """
    return _by_python("map_", self, callable, tensor)


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """`map_`, of three tensors.

    Raises:
        RuntimeError: As `map_`.
        TypeError: As `map_`.

    Example:
        >>> import steep
        >>> one = steep.ones(1)
        >>> steep.zeros(1).map2_(one, one, lambda a, b, c: a + b + c)
        tensor([2.])
    """
    return _by_python("map2_", self, callable, x, y)


def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor another shape: elements stay in their order, new ones are anything.

    Args:
        sizes: the shape; numbers, or one sequence of them.
        memory_format: None or row-major.

    Raises:
        RuntimeError: For a tensor that requires grad.

    Example:
        >>> import steep
        >>> steep.tensor([1, 2, 3, 4, 5]).resize_(2, 2)
        tensor([[1, 2],
                [3, 4]])
    """
    if self.requires_grad:
        raise RuntimeError(
            "resize_: expected a tensor that requires no grad; use .detach(), or reshape"
        )
    shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    if shape == tuple(self.shape):
        return self
    with no_grad():
        out = empty(shape, dtype=self.dtype)
        kept = min(out.numel(), self.numel())
        out.view(-1)[:kept] = self.reshape(-1)[:kept]
    self.data = out
    return self


def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of another tensor.

    Raises:
        RuntimeError: As `resize_`.

    Example:
        >>> import steep
        >>> steep.ones(4).resize_as_(steep.zeros(2, 2)).shape
        steep.Size([2, 2])
    """
    return resize_(self, the_template.shape)
