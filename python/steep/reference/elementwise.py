"""Elementwise operations.

Derivatives are the textbook's (Abramowitz & Stegun, ch. 3, 4 and 7).  Where a function has a corner
or a tie, the choice is PyTorch's: ``sign(0)`` for ``abs``, nothing at the corner of ``relu``,
everything at the bounds of ``clamp``, half to each side in a tie of ``maximum``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from steep.reference.registry import Array, float_type, register, result_type, wide

# What dtype a result has: that of the promoted arguments, the same made float, or bool.
Result = Literal["same", "float", "bool"]

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def compared(arg: Any, common: np.dtype[Any]) -> Array:
    """`arg` in the common dtype, but an integer among integers as it is: it never wraps around."""
    own = isinstance(arg, int) and common.kind in "iu"
    return wide(np.asarray(arg) if own else np.asarray(arg).astype(common))


def prepare(result: Result, *args: Any) -> tuple[list[Array], np.dtype[Any]]:
    """Promote `args` to one dtype; give them wide, and the dtype of the result."""
    common = result_type(*args)
    if result == "float":
        common = float_type(common)
    if result == "bool":
        operands = [compared(a, common) for a in args]
    else:
        operands = [wide(np.asarray(a).astype(common)) for a in args]
    return operands, np.dtype(np.bool_) if result == "bool" else common


def unary(
    name: str,
    function: Callable[..., Any],
    derivative: Callable[..., Any] | None = None,
    result: Result = "same",
) -> None:
    """Register ``function(x, *params)``, whose derivative is ``derivative(x, *params)``."""

    def forward(input: Any, *args: Any, **kwargs: Any) -> Array:
        (x,), dtype = prepare(result, input)
        return np.asarray(function(x, *args, **kwargs)).astype(dtype)

    def gradient(grad: Any, input: Any, *args: Any, **kwargs: Any) -> tuple[Any]:
        assert derivative is not None
        (x,), _ = prepare(result, input)
        return (wide(grad) * derivative(x, *args, **kwargs),)

    register(name, forward, gradient if derivative else None)


def binary(
    name: str,
    function: Callable[..., Any],
    rule: Callable[..., Any] | None = None,
    result: Result = "same",
) -> None:
    """Register ``function(x, y, *params)``, whose gradients are ``rule(grad, x, y, *params)``."""

    def forward(input: Any, other: Any, *args: Any, **kwargs: Any) -> Array:
        (x, y), dtype = prepare(result, input, other)
        return np.asarray(function(x, y, *args, **kwargs)).astype(dtype)

    def gradient(grad: Any, input: Any, other: Any, *args: Any, **kwargs: Any) -> Any:
        assert rule is not None
        (x, y), _ = prepare(result, input, other)
        return rule(wide(grad), x, y, *args, **kwargs)

    register(name, forward, gradient if rule else None, ("input", "other"))


# --- two operands -------------------------------------------------------------------------------


def floor_divide(x: Array, y: Array) -> Array:
    """The quotient rounded towards minus infinity."""
    _refuse_zero(x, y)
    return np.asarray(np.floor_divide(x, y))


def remainder(x: Array, y: Array) -> Array:
    """``x - y * floor(x / y)``, which has the sign of `y`."""
    _refuse_zero(x, y)
    return np.asarray(np.remainder(x, y))


def fmod(x: Array, y: Array) -> Array:
    """``x - y * trunc(x / y)``, which has the sign of `x`."""
    _refuse_zero(x, y)
    return np.asarray(np.fmod(x, y))


def _refuse_zero(x: Array, y: Array) -> None:
    if y.dtype.kind != "f" and not np.all(np.broadcast_arrays(x, y)[1]):
        raise RuntimeError("division of integers by zero; divide floats for inf and nan")


def power(x: Array, y: Array) -> Array:
    """``x ** y``; of integers, a negative power is truncated to 0 unless the base is 1 or -1."""
    if x.dtype.kind != "i":
        # Of one exponent alone NumPy makes a square root or a square, which differ at -inf and -0.
        return np.asarray(np.power(*map(np.array, np.broadcast_arrays(x, y))))
    odd = np.where(y % 2 == 0, 1, x)
    inverse = np.where(np.abs(x) == 1, odd, 0)
    return np.where(y < 0, inverse, np.power(x, np.maximum(y, 0)))


def power_rule(grad: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """``y x^(y-1)`` and ``x^y log x``, with 0 for ``x^0`` and for the exponent of a zero base."""
    by_base = np.where(y == 0, 0.0, grad * y * np.power(x, y - 1))
    by_exponent = np.where((x == 0) & (y >= 0), 0.0, grad * np.power(x, y) * np.log(x))
    return by_base, by_exponent


def pow_(input: Any, exponent: Any) -> Array:
    """PyTorch's ``pow``; either argument may be a number."""
    (x, y), dtype = prepare("same", input, exponent)
    return power(x, y).astype(dtype)


def pow_gradient(grad: Any, input: Any, exponent: Any) -> tuple[Array, Array]:
    """See `power_rule`."""
    (x, y), _ = prepare("float", input, exponent)
    return power_rule(wide(grad), x, y)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Array:
    """The quotient: as it is, or rounded to an integer by "trunc" or "floor"."""
    (x, y), dtype = prepare("same" if rounding_mode else "float", input, other)
    if rounding_mode is None:
        return np.asarray(x / y).astype(dtype)
    if rounding_mode == "floor":
        return floor_divide(x, y).astype(dtype)
    _refuse_zero(x, y)
    if dtype.kind == "f":  # the quotient is a number of the result's dtype before it is cut off
        return np.asarray(np.trunc((x / y).astype(dtype)))
    return np.asarray(np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(y))).astype(dtype)


def div_gradient(
    grad: Any, input: Any, other: Any, *, rounding_mode: str | None = None
) -> tuple[Array, Array]:
    """``1/y`` and ``-x/y^2``; a rounded quotient is constant between its jumps."""
    (x, y), _ = prepare("float", input, other)
    g = wide(grad) if rounding_mode is None else np.zeros_like(wide(grad))
    return g / y, np.zeros_like(g) if rounding_mode else -g * (x / y) / y


def _tie(grad: Array, x: Array, y: Array) -> Array:
    return np.where(x == y, grad / 2, grad)


register("pow", pow_, pow_gradient, ("input", "exponent"))
register("square", lambda input: pow_(input, 2), lambda g, input: (wide(g) * 2 * wide(input),))
register("div", div, div_gradient, ("input", "other"))
binary("add", lambda x, y, *, alpha=1: x + alpha * y, lambda g, x, y, *, alpha=1: (g, alpha * g))
binary("sub", lambda x, y, *, alpha=1: x - alpha * y, lambda g, x, y, *, alpha=1: (g, -alpha * g))
binary("mul", np.multiply, lambda g, x, y: (g * y, g * x))
binary("floor_divide", floor_divide)
binary("remainder", remainder, lambda g, x, y: (g, -g * np.floor_divide(x, y)))
binary("fmod", fmod, lambda g, x, y: (g, -g * np.trunc(x / y)))


def atan2_gradient(g: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """y / (x**2 + y**2) and -x / (x**2 + y**2): their squares leave the range before they do."""
    size = np.maximum(np.abs(x), np.abs(y))
    length = (x / size) ** 2 + (y / size) ** 2
    return g * (y / size / length / size), -g * (x / size / length / size)


binary("atan2", np.arctan2, atan2_gradient, "float")
binary(
    "maximum",
    np.maximum,
    lambda g, x, y: (np.where(x < y, 0, _tie(g, x, y)), np.where(x > y, 0, _tie(g, x, y))),
)
binary(
    "minimum",
    np.minimum,
    lambda g, x, y: (np.where(x > y, 0, _tie(g, x, y)), np.where(x < y, 0, _tie(g, x, y))),
)
for _name, _function in {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}.items():
    binary(_name, _function, result="bool")
binary("bitwise_and", np.bitwise_and)
binary("bitwise_or", np.bitwise_or)
binary("bitwise_xor", np.bitwise_xor)
binary("bitwise_left_shift", np.left_shift)
binary("bitwise_right_shift", np.right_shift)


# --- three operands -----------------------------------------------------------------------------


def where(condition: Any, input: Any, other: Any) -> Array:
    """`input` where `condition` holds, `other` elsewhere."""
    (x, y), dtype = prepare("same", input, other)
    return np.where(condition, x, y).astype(dtype)


def where_gradient(grad: Any, condition: Any, input: Any, other: Any) -> tuple[None, Array, Array]:
    """The gradient goes to whichever was taken."""
    g = wide(grad)
    return None, np.where(condition, g, 0), np.where(condition, 0, g)


def clamp(input: Any, min: Any = None, max: Any = None) -> Array:
    """``minimum(maximum(input, min), max)``; a bound may be a number, an array or None."""
    bounds = [bound for bound in (min, max) if bound is not None]
    dtype = result_type(input, *bounds)
    x = compared(input, dtype)
    if min is not None:
        x = np.maximum(x, compared(min, dtype))
    if max is not None:
        x = np.minimum(x, compared(max, dtype))
    return np.asarray(x).astype(dtype)


def clamp_gradient(grad: Any, input: Any, min: Any = None, max: Any = None) -> tuple[Any, Any, Any]:
    """To `input` within the bounds and on them, else to the bound; if they cross, to `max`."""
    g, x = wide(grad), wide(input)
    low = -np.inf if min is None else wide(min)
    high = np.inf if max is None else wide(max)
    inside = (x >= low) & (x <= high)
    by_max = (x > high) | (high < low)
    by_min = (x < low) if max is None else (x < low) & (low < high)
    return np.where(inside, g, 0), np.where(by_min, g, 0), np.where(by_max, g, 0)


register("where", where, where_gradient, ("condition", "input", "other"))
register("clamp", clamp, clamp_gradient, ("input", "min", "max"))


# --- one operand --------------------------------------------------------------------------------


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))``, in the form that does not overflow on either side."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def sign(x: Array) -> Any:
    """-1, 0 or 1; PyTorch's is 0 for NaN."""
    return (x > 0) * 1 - (x < 0)


def _zero(x: Array, *args: Any, **kwargs: Any) -> Array:
    return np.zeros_like(x)


def round_(x: Array, *, decimals: int = 0) -> Array:
    """To the nearest; a half to the even neighbour (IEEE 754)."""
    if x.dtype.kind != "f" or decimals == 0:
        return np.rint(x) if x.dtype.kind == "f" else x
    scale = 10.0**decimals
    return np.asarray(np.rint(x * scale) / scale)


def _whole(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """`function` for floats; integers are whole already."""
    return lambda x: function(x) if x.dtype.kind == "f" else x


unary("neg", np.negative, lambda x: -1.0)
unary("abs", np.abs, sign)
unary("sign", sign, _zero)
unary("floor", _whole(np.floor), _zero)
unary("ceil", _whole(np.ceil), _zero)
unary("trunc", _whole(np.trunc), _zero)
unary("round", round_, _zero)
unary("exp", np.exp, np.exp, "float")
unary("expm1", np.expm1, np.exp, "float")
unary("log", np.log, lambda x: 1 / x, "float")
unary("log2", np.log2, lambda x: 1 / (x * math.log(2)), "float")
unary("log10", np.log10, lambda x: 1 / (x * math.log(10)), "float")
unary("log1p", np.log1p, lambda x: 1 / (1 + x), "float")
unary("sqrt", np.sqrt, lambda x: 1 / (2 * np.sqrt(x)), "float")
unary("rsqrt", lambda x: 1 / np.sqrt(x), lambda x: -0.5 * (1 / np.sqrt(x)) ** 3, "float")
unary("reciprocal", lambda x: 1 / x, lambda x: -1 / (x * x), "float")
unary("sin", np.sin, np.cos, "float")
unary("cos", np.cos, lambda x: -np.sin(x), "float")
unary("exp2", np.exp2, lambda x: np.exp2(x) * math.log(2), "float")
unary("tan", np.tan, lambda x: 1 + np.tan(x) ** 2, "float")
unary("asin", np.arcsin, lambda x: 1 / np.sqrt(1 - x * x), "float")
unary("acos", np.arccos, lambda x: -1 / np.sqrt(1 - x * x), "float")
unary("atan", np.arctan, lambda x: 1 / (1 + x * x), "float")
unary("sinh", np.sinh, np.cosh, "float")
unary("cosh", np.cosh, np.sinh, "float")
unary("tanh", np.tanh, lambda x: 1 - np.tanh(x) ** 2, "float")
unary("sigmoid", sigmoid, lambda x: sigmoid(x) * sigmoid(-x), "float")
unary("erf", _erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x), "float")
unary("erfc", _erfc, lambda x: -2 / math.sqrt(math.pi) * np.exp(-x * x), "float")
unary("logical_not", np.logical_not, result="bool")
unary("bitwise_not", np.invert)
unary("isnan", np.isnan, result="bool")
unary("isinf", np.isinf, result="bool")
unary("isfinite", np.isfinite, result="bool")
