"""How near an engine's function is to wider arithmetic; tests/test_vecmath.py loops over the rows.

float32 is held against float64, float64 against NumPy's long double.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cases.row import Array

Wide = np.longdouble


@dataclass(frozen=True)
class Accuracy:
    """The bounds of a function of the engine's own.

    Attributes:
        function: What it is, of arrays of a wider dtype.
        interval: Where it has most to do; None: it is a function of two.
        single: The most that float32 may be away, in units in the last place.
        double: The same of float64.
        odd: Subnormals and both zeros come back as they are.
        settings: What it is called with besides.
    """

    function: Callable[..., Any]
    interval: tuple[float, float] | None
    single: float
    double: float
    odd: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


def sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, e, np.ones_like(x)) / (1 + e))


def softplus(x: Array) -> Array:
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def erf_series(x: Array) -> Array:
    """2 / sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (1 3 5 ...): every term has x's sign."""
    term = x.copy()
    total = x.copy()
    for n in range(1, 120):
        term = term * (2 * x * x / (2 * n + 1))
        total = total + term
    return np.asarray(np.exp(-x * x) * total * (2 / np.sqrt(np.arccos(Wide(-1)))))


def erfc_fraction(x: Array) -> Array:
    """erfc for x >= 2 by its continued fraction, from the far end."""
    tail = np.zeros_like(x)
    for n in range(400, 0, -1):
        tail = (Wide(n) / 2) / (x + tail)
    return np.asarray(np.exp(-x * x) / (x + tail) / np.sqrt(np.arccos(Wide(-1))))


def erfc(x: Array) -> Array:
    x = x.astype(Wide)
    size = np.abs(x)
    near = 1 - erf_series(np.clip(x, -2.0, 2.0))
    far = erfc_fraction(np.clip(size, 2.0, 30.0))
    far = np.where(size > 30, 0, far)
    out = np.where(size < 2, near, np.where(x < 0, 2 - far, far))
    return np.where(np.isnan(x), x, out)


def erf(x: Array) -> Array:
    x = x.astype(Wide)
    near = erf_series(np.clip(x, -2.0, 2.0))
    return np.where(np.abs(x) < 2, near, np.copysign(1 - erfc(np.abs(x)), x))
