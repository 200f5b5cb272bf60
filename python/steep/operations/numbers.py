"""Elements by NumPy's functions: common divisors, parts of floating numbers, angles."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any, NamedTuple

from steep._core import (
    Tensor,
    broadcast_tensors,
    from_numpy,
    full_like,
    is_grad_enabled,
    result_type,
    where,
    zeros_like,
)
from steep._core import bool as bool_
from steep._core import pow as pow_
from steep._out import takes_out
from steep._printing import named_result
from steep.autograd.function import Function

__all__ = ["angle", "frexp", "gcd", "lcm", "ldexp", "nextafter"]


class FrexpResult(NamedTuple):
    """What `frexp` returns."""

    mantissa: Tensor
    exponent: Tensor

    def __repr__(self) -> str:
        return named_result("frexp", self)


def _whole(op: str, function: Callable[..., Any], input: Tensor, other: Tensor) -> Tensor:
    kind = result_type(input, other)
    if kind.is_floating_point or kind == bool_:
        raise NotImplementedError(f"{op}: expected whole numbers, got {kind}; convert with .long()")
    a, b = broadcast_tensors(input.to(kind), other.to(kind))
    return from_numpy(function(a.numpy(), b.numpy()))


def _numpy(name: str) -> Callable[..., Any]:
    """NumPy's function, whose results are arrays even for single numbers."""

    def call(*arrays: Any) -> Any:
        import numpy as np

        return np.asarray(getattr(np, name)(*arrays))

    return call


@takes_out
def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisors; that of 0 and 0 is 0.

    Args:
        input: whole numbers.
        other: whole numbers, of a shape that broadcasts.

    Raises:
        NotImplementedError: For floating numbers and bool.

    Example:
        >>> import steep
        >>> steep.gcd(steep.tensor([12, -8]), steep.tensor(18))
        tensor([6, 2])
    """
    return _whole("gcd", _numpy("gcd"), input, other)


@takes_out
def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiples; 0 where either is 0.

    Args:
        input: whole numbers.
        other: whole numbers, of a shape that broadcasts.

    Raises:
        NotImplementedError: For floating numbers and bool.

    Example:
        >>> import steep
        >>> steep.lcm(steep.tensor([4, 0]), steep.tensor(6))
        tensor([12,  0])
    """
    return _whole("lcm", _numpy("lcm"), input, other)


class _Parts(Function):
    """x = mantissa 2^exponent, with constant exponent."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        mantissa, exponent = (np.asarray(part) for part in np.frexp(x.detach().numpy()))
        powers = from_numpy(exponent.astype(np.int32))
        ctx.save_for_backward(powers)
        ctx.mark_non_differentiable(powers)
        return from_numpy(mantissa), powers

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> Tensor:
        (powers,) = ctx.saved_tensors
        return ldexp(grad, -powers)


@takes_out
def frexp(input: Tensor) -> FrexpResult:
    """The parts of floating numbers: input = mantissa 2^exponent, the former from 1/2 to 1.

    Args:
        input: float32 or float64.

    Returns:
        `mantissa`, of the input's dtype, and `exponent` of int32. Of 0, both are 0.

    Raises:
        RuntimeError: For other dtypes.

    Example:
        >>> import steep
        >>> steep.frexp(steep.tensor([6.0, 0.5])).exponent
        tensor([3, 0], dtype=steep.int32)
    """
    if not input.is_floating_point():
        raise RuntimeError(f"frexp: expected a floating dtype, got {input.dtype}")
    return FrexpResult(*_Parts.apply(input))


@takes_out
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input 2^other; whole numbers become floating ones.

    Args:
        input: any numbers.
        other: exponents, of a shape that broadcasts.

    Raises:
        RuntimeError: For shapes that do not broadcast.

    Example:
        >>> import steep
        >>> steep.ldexp(steep.tensor([1.0, 3.0]), steep.tensor([4, -1]))
        tensor([16.0000,  1.5000])
    """
    return input * pow_(2.0, other)


@takes_out
def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The floating numbers next to the input's, on the way to the other's.

    Args:
        input: float32 or float64.
        other: of the same dtype, and a shape that broadcasts.

    Raises:
        NotImplementedError: For other dtypes, and where a gradient is asked for.

    Example:
        >>> import steep
        >>> x = steep.nextafter(steep.tensor(1.0), steep.tensor(2.0))
        >>> x.item() == 1 + steep.finfo(steep.float32).eps
        True
    """
    kind = result_type(input, other)
    if not kind.is_floating_point:
        raise NotImplementedError(f"nextafter: expected floating dtypes, got {kind}")
    if is_grad_enabled() and (input.requires_grad or other.requires_grad):
        raise NotImplementedError(
            "nextafter: expected tensors that require no grad, for it has no derivative; use "
            ".detach()"
        )
    a, b = broadcast_tensors(input.to(kind), other.to(kind))
    return from_numpy(_numpy("nextafter")(a.numpy(), b.numpy()))


def angle(input: Tensor) -> Tensor:
    """The angles of numbers in the plane: pi for those below 0, 0 for the others, nan for nan.

    Args:
        input: any numbers; whole ones give float32.

    Raises:
        TypeError: For what is no tensor.

    Example:
        >>> import steep
        >>> steep.angle(steep.tensor([2.0, -1.0]))
        tensor([0.0000, 3.1416])
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"angle: expected a Tensor, got {type(input).__name__}")
    x = input if input.is_floating_point() else input.float()
    turned = where(x < 0, full_like(x.detach(), pi), zeros_like(x.detach()))
    return where(x.isnan(), x, turned + 0 * x.nan_to_num(0, 0, 0))
