"""Activation functions, and dropout under a given mask.

ELU: Clevert et al. 2016.  GELU: Hendrycks & Gimpel 2016, exact and by tanh.  SiLU: Elfwing et al.
2018.  Softsign: Turian et al. 2009.  Dropout: Srivastava et al. 2014, in its inverted form, which
scales while training.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steep.reference.elementwise import _erfc, sigmoid, unary
from steep.reference.registry import Array, register, wide


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


# A NaN is passed on: it is not below the corner.
unary("relu", lambda x: np.where(x <= 0, 0, x), lambda x: np.where(x <= 0, 0.0, 1.0))
unary("leaky_relu", leaky_relu, leaky_relu_derivative)
unary("elu", elu, elu_derivative)
unary("softplus", softplus, softplus_derivative)
unary("softsign", softsign, softsign_derivative, "float")
unary("gelu", gelu, gelu_derivative)
unary("silu", lambda x: x * sigmoid(x), silu_derivative)
register("dropout", dropout, dropout_gradient)
