"""Activation functions, and dropout under a given mask.

ELU: Clevert et al. 2016.  SELU: Klambauer et al. 2017.  CELU: Barron 2017.  PReLU: He et al. 2015.
GELU: Hendrycks & Gimpel 2016, exact and by tanh.  SiLU: Elfwing et al. 2018.  Mish: Misra 2019.
Hardsigmoid, hardswish: Howard et al. 2019.  GLU: Dauphin et al. 2016.  Softsign: Turian et al.
2009.  Dropout: Srivastava et al. 2014, in its inverted form, which scales while training.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steep.reference.elementwise import _erfc, sigmoid, unary
from steep.reference.registry import Array, register, unbroadcast, wide


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """`x` where positive, ``negative_slope * x`` elsewhere."""
    return np.where(x > 0, x, x * negative_slope)


def leaky_relu_derivative(x: Array, negative_slope: float = 0.01) -> Array:
    """1 where positive, else the slope."""
    return np.where(x > 0, 1.0, negative_slope)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """`x` where positive, ``alpha * (exp(x) - 1)`` elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_derivative(x: Array, alpha: float = 1.0) -> Array:
    """``alpha * exp(x)`` up to 0, and 1 beyond (and for NaN)."""
    return np.where(x <= 0, alpha * np.exp(x), 1.0)


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """``log(1 + exp(beta x)) / beta``; `x` itself where ``beta x`` exceeds the threshold."""
    return np.where(x * beta > threshold, x, np.logaddexp(0, x * beta) / beta)


def softplus_derivative(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """The sigmoid of ``beta x``; 1 beyond the threshold."""
    return np.where(x * beta > threshold, 1.0, sigmoid(x * beta))


_CUBE = 0.044715  # the coefficient of x^3 in the approximation by tanh
_SCALE = math.sqrt(2 / math.pi)


def gelu(x: Array, *, approximate: str = "none") -> Any:
    """``x * P(X <= x)`` for a standard normal X, exactly or by tanh."""
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(_SCALE * (x + _CUBE * x**3)))
    return np.asarray(0.5 * x * _erfc(-x / math.sqrt(2)))


def gelu_derivative(x: Array, *, approximate: str = "none") -> Any:
    """The product rule on `gelu`."""
    if approximate == "tanh":
        t = np.tanh(_SCALE * (x + _CUBE * x**3))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * _SCALE * (1 + 3 * _CUBE * x**2)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return np.asarray(0.5 * _erfc(-x / math.sqrt(2)) + x * density)


def softsign(x: Array) -> Any:
    """`x` over one more than its magnitude."""
    return x / (1 + np.abs(x))


def softsign_derivative(x: Array) -> Any:
    """The quotient rule: ``(1 + |x| - x * sign(x)) / (1 + |x|)^2``."""
    return 1 / (1 + np.abs(x)) ** 2


def silu_derivative(x: Array) -> Any:
    """The product rule on ``x * sigmoid(x)``."""
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


def selu(x: Array) -> Any:
    """`elu` with a scale, such that means of 0 and variances of 1 stay."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def selu_derivative(x: Array) -> Any:
    """See `selu`."""
    return 1.0507009873554805 * elu_derivative(x, 1.6732632423543772)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """`x` where positive, ``alpha * (exp(x / alpha) - 1)`` elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(x / alpha))


def mish(x: Array) -> Any:
    """``x * tanh(softplus(x))``, with its limit 0 at minus infinity."""
    return np.where(x == -np.inf, 0.0, x * np.tanh(np.logaddexp(0, x)))


def mish_derivative(x: Array) -> Any:
    """The product rule on `mish`, with ``1 - tanh^2`` as ``1 / cosh^2``."""
    slope = x * sigmoid(x) / np.cosh(np.logaddexp(0, x)) ** 2
    return np.tanh(np.logaddexp(0, x)) + np.where(np.isinf(x), 0.0, slope)


def hardtanh(x: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """`x` cut off at both bounds, which lose an integer's fraction."""
    kind = float if x.dtype.kind == "f" else int
    return np.clip(x, kind(min_val), kind(max_val))


def hardtanh_derivative(x: Array, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """1 strictly between the bounds (and for NaN)."""
    return 1.0 - ((x <= min_val) | (x >= max_val))


def hardsigmoid(x: Array) -> Any:
    """``min(max(x + 3, 0), 6) / 6``."""
    return np.clip(x + 3, 0, 6) / 6


def hardswish(x: Array) -> Any:
    """`x` times `hardsigmoid`, with its limit 0 at minus infinity."""
    return np.where(x == -np.inf, 0.0, x * hardsigmoid(x))


def hardswish_derivative(x: Array) -> Any:
    """The product rule on `hardswish`; at a corner the slope of what lies outside."""
    return np.where(x <= -3, 0.0, np.where(x < 3, x / 3 + 0.5, 1.0))


def threshold(x: Array, threshold: float, value: float) -> Any:
    """`x` where it is above, `value` elsewhere."""
    return np.where(x <= threshold, value, x)


def hardshrink(x: Array, lambd: float = 0.5) -> Any:
    """0 near 0."""
    return np.where(np.abs(x) <= lambd, 0.0, x)


def hardshrink_derivative(x: Array, lambd: float = 0.5) -> Any:
    """0 near 0, else 1."""
    return 1.0 - (np.abs(x) <= lambd)


def prelu(input: Array, weight: Array) -> Array:
    """`leaky_relu` with one slope, or one for each channel."""
    x = wide(input)
    return np.where(x > 0, x, x * _channels(weight, x)).astype(input.dtype)


def prelu_gradient(grad: Array, input: Array, weight: Array) -> tuple[Array, Array]:
    """The slope to the input, the input to the slope, both below zero."""
    x, w = wide(input), _channels(weight, input)
    by_weight = unbroadcast(np.where(x > 0, 0.0, wide(grad) * x), w.shape)
    return wide(grad) * np.where(x > 0, 1.0, w), by_weight.reshape(weight.shape)


def _channels(weight: Array, x: Array) -> Array:
    return wide(weight).reshape([-1 if d == 1 else 1 for d in range(x.ndim)])


def glu(input: Array, dim: int = -1) -> Array:
    """The first half times the sigmoid of the second."""
    a, b = np.split(wide(input), 2, dim)
    return np.asarray(a * sigmoid(b)).astype(input.dtype)


def glu_gradient(grad: Array, input: Array, dim: int = -1) -> tuple[Array]:
    """The product rule."""
    a, b = np.split(wide(input), 2, dim)
    gate = sigmoid(b)
    return (np.concatenate([grad * gate, grad * a * gate * (1 - gate)], dim),)


def dropout(input: Array, p: float = 0.5, training: bool = True, *, mask: Array) -> Array:
    """Keep the elements under `mask` (True or 1: kept), scaled by ``1 / (1 - p)``."""
    return np.asarray(wide(input) * _dropout_scale(p, training, mask)).astype(input.dtype)


def dropout_gradient(
    grad: Array, input: Array, p: float = 0.5, training: bool = True, *, mask: Array
) -> tuple[Array]:
    """The same mask and scale."""
    return (wide(grad) * _dropout_scale(p, training, mask),)


def _dropout_scale(p: float, training: bool, mask: Array) -> Any:
    if not training:
        return 1.0
    return np.zeros(mask.shape) if p == 1 else np.where(mask, 1 / (1 - p), 0.0)


_LIMIT = -1.7580993408473766  # of selu at minus infinity


def _alpha_scale(p: float) -> tuple[float, float]:
    """What brings mean and variance back to 0 and 1 (Klambauer et al. 2017, section 2.4)."""
    scale = 1 / math.sqrt((1 - p) * (1 + p * _LIMIT**2))
    return scale, -scale * p * _LIMIT


def alpha_dropout(
    input: Array, p: float = 0.5, training: bool = False, *, mask: Array | None = None
) -> Array:
    """What is not under `mask` becomes selu's limit; then all is scaled and shifted.

    The mask may be that of channels, ``[N, C, 1, ...]``.
    """
    if not training:
        return input
    if p == 1:
        return input * 0
    scale, shift = _alpha_scale(p)
    return np.asarray(np.where(np.asarray(mask), wide(input), _LIMIT) * scale + shift).astype(
        input.dtype
    )


def alpha_dropout_gradient(
    grad: Array, input: Array, p: float = 0.5, training: bool = False, *, mask: Array | None = None
) -> tuple[Array]:
    """The scale, under the mask."""
    if not training:
        return (wide(grad),)
    return (wide(grad) * (0 if p == 1 else np.where(np.asarray(mask), _alpha_scale(p)[0], 0.0)),)


# A NaN is passed on: it is not below the corner.
unary("relu", lambda x: np.where(x <= 0, 0, x), lambda x: np.where(x <= 0, 0.0, 1.0))
unary("leaky_relu", leaky_relu, leaky_relu_derivative)
unary("elu", elu, elu_derivative)
unary("softplus", softplus, softplus_derivative)
unary("softsign", softsign, softsign_derivative, "float")
unary("gelu", gelu, gelu_derivative)
unary("silu", lambda x: x * sigmoid(x), silu_derivative)
unary("selu", selu, selu_derivative)
unary("celu", celu, lambda x, alpha=1.0: np.where(x <= 0, np.exp(x / alpha), 1.0))
unary("mish", mish, mish_derivative)
unary("logsigmoid", lambda x: -np.logaddexp(0, -x), lambda x: sigmoid(-x))
unary("hardtanh", hardtanh, hardtanh_derivative)
unary("relu6", lambda x: hardtanh(x, 0, 6), lambda x: hardtanh_derivative(x, 0, 6))
unary("hardsigmoid", hardsigmoid, lambda x: np.where(np.abs(x) < 3, 1 / 6, 0.0))
unary("hardswish", hardswish, hardswish_derivative)
unary("threshold", threshold, lambda x, threshold, value: np.where(x <= threshold, 0.0, 1.0))
unary("hardshrink", hardshrink, hardshrink_derivative)
unary("softshrink", lambda x, lambd=0.5: x - np.clip(x, -lambd, lambd), hardshrink_derivative)
unary("tanhshrink", lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2, "float")
register("prelu", prelu, prelu_gradient, ("input", "weight"))
register("glu", glu, glu_gradient)
register("dropout", dropout, dropout_gradient)
for name in ("dropout1d", "dropout2d", "dropout3d"):  # their mask is that of channels
    register(name, dropout, dropout_gradient)
for name in ("alpha_dropout", "feature_alpha_dropout"):
    register(name, alpha_dropout, alpha_dropout_gradient)
