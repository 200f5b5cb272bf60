"""Less common elementwise operations: hyperbolic arcs, interpolation, and care at the edges.

Derivatives are the textbook's (Abramowitz & Stegun, ch. 4 and 7); choices at corners are PyTorch's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steep.reference.elementwise import binary, prepare, unary
from steep.reference.registry import Array, register, result_type, wide

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def erfinv(x: Array) -> Array:
    """The root of ``erf(y) = x`` by bisection of ``erfc(y) = 1 - |x|``, then Newton's method."""
    a = np.abs(x).astype(np.float64)
    low, high = np.zeros_like(a), np.full_like(a, 30.0)
    for _ in range(80):
        middle = (low + high) / 2
        below = np.where(a < 0.5, _erf(middle) < a, _erfc(middle) > 1 - a)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    y = np.where(a == 1, np.inf, np.where(a < 1, (low + high) / 2, np.nan))
    return np.copysign(y, x)


def sinc_slope(x: Array) -> Array:
    """``(cos(pi x) - sinc(x)) / x``, and 0 at 0."""
    return np.where(x == 0, 0.0, (np.cos(np.pi * x) - np.sinc(x)) / np.where(x == 0, 1, x))


def _within(x: Array, eps: float | None) -> Array:
    return x if eps is None else np.clip(x, eps, 1 - eps)


def logit(x: Array, eps: float | None = None) -> Array:
    """``log(x / (1 - x))``."""
    z = _within(x, eps)
    return np.asarray(np.log(z / (1 - z)))


def logit_slope(x: Array, eps: float | None = None) -> Array:
    """``1 / (x (1 - x))``, and 0 where `eps` holds."""
    held = np.zeros(x.shape, bool) if eps is None else (x < eps) | (x > 1 - eps)
    z = _within(x, eps)
    return np.where(held, 0.0, 1 / (z * (1 - z)))


unary("asinh", np.arcsinh, lambda x: 1 / np.sqrt(x * x + 1), "float")
unary("acosh", np.arccosh, lambda x: 1 / np.sqrt(x * x - 1), "float")
unary("atanh", np.arctanh, lambda x: 1 / (1 - x * x), "float")
unary("erfinv", erfinv, lambda x: math.sqrt(math.pi) / 2 * np.exp(erfinv(x) ** 2), "float")
unary("sinc", np.sinc, sinc_slope, "float")
unary("logit", logit, logit_slope, "float")
unary("deg2rad", lambda x: x * (math.pi / 180), lambda x: math.pi / 180, "float")
unary("rad2deg", lambda x: x * (180 / math.pi), lambda x: 180 / math.pi, "float")
unary("frac", lambda x: x - np.trunc(x), np.ones_like)
unary("positive", lambda x: x, np.ones_like)
unary("signbit", lambda x: np.signbit(x) if x.dtype != bool else np.zeros_like(x), result="bool")
unary("isposinf", lambda x: x == np.inf, result="bool")
unary("isneginf", lambda x: x == -np.inf, result="bool")


def xlogy(x: Array, y: Array) -> Array:
    """``x log(y)``, and 0 where x is 0 and y a number."""
    return np.where((x == 0) & ~np.isnan(y), 0.0, x * np.log(y))


def _share(x: Array, y: Array) -> Array:
    return np.where(x == y, 0.5, 1 / (1 + np.exp(y - x)))


def _share2(x: Array, y: Array) -> Array:
    return np.where(x == y, 0.5, 1 / (1 + np.exp2(y - x)))


binary("hypot", np.hypot, lambda g, x, y: (g * x / np.hypot(x, y), g * y / np.hypot(x, y)), "float")
binary(
    "copysign",
    np.copysign,
    lambda g, x, y: (g * np.sign(x) * np.copysign(1.0, y), np.zeros_like(g)),
    "float",
)
binary("xlogy", xlogy, lambda g, x, y: (g * np.log(y), g * x / y), "float")
binary("logaddexp", np.logaddexp, lambda g, x, y: (g * _share(x, y), g * _share(y, x)), "float")
binary("logaddexp2", np.logaddexp2, lambda g, x, y: (g * _share2(x, y), g * _share2(y, x)), "float")
binary("fmax", np.fmax, lambda g, x, y: (np.where(x >= y, g, 0), np.where(x >= y, 0, g)))
binary("fmin", np.fmin, lambda g, x, y: (np.where(x <= y, g, 0), np.where(x <= y, 0, g)))
binary("rsub", lambda x, y, *, alpha=1: y - alpha * x, lambda g, x, y, *, alpha=1: (-alpha * g, g))


def lerp(input: Array, end: Array, weight: Any) -> Array:
    """``input + weight (end - input)``."""
    x, y = wide(input), wide(end)
    return np.asarray(x + wide(weight) * (y - x)).astype(input.dtype)


def lerp_gradient(grad: Array, input: Array, end: Array, weight: Any) -> tuple[Array, ...]:
    """Linear in each argument."""
    g, w = wide(grad), wide(weight)
    return g * (1 - w), g * w, g * (wide(end) - wide(input))


def addcmul(input: Array, tensor1: Array, tensor2: Array, *, value: float = 1) -> Array:
    """``input + value * tensor1 * tensor2``."""
    (x, a, b), dtype = prepare("same", input, tensor1, tensor2)
    return np.asarray(x + value * a * b).astype(dtype)


def addcmul_gradient(
    grad: Array, input: Array, tensor1: Array, tensor2: Array, *, value: float = 1
) -> tuple[Array, ...]:
    """The product rule."""
    g = wide(grad)
    return g, value * g * wide(tensor2), value * g * wide(tensor1)


def addcdiv(input: Array, tensor1: Array, tensor2: Array, *, value: float = 1) -> Array:
    """``input + value * tensor1 / tensor2``."""
    (x, a, b), dtype = prepare("float", input, tensor1, tensor2)
    return np.asarray(x + value * a / b).astype(dtype)


def addcdiv_gradient(
    grad: Array, input: Array, tensor1: Array, tensor2: Array, *, value: float = 1
) -> tuple[Array, ...]:
    """The quotient rule."""
    g, a, b = wide(grad), wide(tensor1), wide(tensor2)
    return g, value * g / b, -value * g * a / b**2


def float_power(input: Any, exponent: Any) -> Array:
    """``input ** exponent`` in float64."""
    return np.asarray(np.power(np.float64(input), np.float64(exponent)))


def nan_to_num(
    input: Array, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Array:
    """Numbers in place of nan and the infinities: 0 and the dtype's ends, unless said."""
    if input.dtype.kind != "f":
        return input
    most = float(np.finfo(input.dtype).max)
    x = np.where(np.isnan(input), 0 if nan is None else nan, input)
    x = np.where(x == np.inf, most if posinf is None else posinf, x)
    return np.where(input == -np.inf, -most if neginf is None else neginf, x).astype(input.dtype)


def nan_to_num_gradient(grad: Array, input: Array, *_: Any, **__: Any) -> tuple[Array]:
    """None where a number was put in."""
    return (np.where(np.isfinite(input), wide(grad), 0),)


def heaviside(input: Array, values: Array) -> Array:
    """0, `values` or 1, as `input` is negative, 0 or positive."""
    return np.heaviside(wide(input), wide(values)).astype(result_type(input, values))


register("lerp", lerp, lerp_gradient, ("input", "end", "weight"))
register("addcmul", addcmul, addcmul_gradient, ("input", "tensor1", "tensor2"))
register("addcdiv", addcdiv, addcdiv_gradient, ("input", "tensor1", "tensor2"))
register("float_power", float_power, arrays=("input", "exponent"))
register("nan_to_num", nan_to_num, nan_to_num_gradient)
register("heaviside", heaviside, arrays=("input", "values"))
