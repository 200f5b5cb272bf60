"""Draws of the gamma, Dirichlet, Poisson and binomial distributions, one at a time.

Each takes uniform and normal numbers from a generator in the order of PyTorch's CPU code. The large
cases are Hoermann's "The transformed rejection method for generating Poisson random variables" and
"The generation of binomial random variates" (both 1993), the gamma distribution is that of
Marsaglia & Tsang, "A simple method for generating gamma variables" (2000).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steep.reference.random import MT19937
from steep.reference.registry import Array

_F32 = [float(np.float32(x)) for x in (1 / 3, 0.0331)]  # PyTorch's are float32


def gamma(generator: MT19937, alpha: Any) -> float:
    """One draw of rate 1; a few sums are of the parameter's type."""
    if not alpha > 0:
        return 0.0 if alpha == 0 else math.nan
    scale = 1.0
    if alpha < 1:
        scale = math.pow(1 - generator.uniform(), type(alpha)(1 / alpha))
        alpha += type(alpha)(1)
    third, squeeze = _F32
    d = float(alpha - type(alpha)(third))
    while True:
        y = 0.0
        while y <= 0:
            x = generator.normal()
            y = 1 + x / math.sqrt(9 * d)
        v, u = y**3, 1 - generator.uniform()
        if u < 1 - squeeze * x**4 or math.log(u) < x * x / 2 + d * (1 - v + math.log(v)):
            return scale * d * v


def poisson(generator: MT19937, rate: float) -> float:
    """One draw: Knuth's below 10."""
    if rate < 10:
        k, product = -1, 1.0
        while product > math.exp(-rate) or k < 0:
            if rate == 0:
                return 0.0
            product *= generator.uniform()
            k += 1
        return float(k)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    while True:
        u, v = generator.uniform() - 0.5, generator.uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2):
            return float(k)
        if k < 0 or (us < 0.013 and v > us):
            continue
        bound = k * math.log(rate) - rate - math.lgamma(k + 1)
        if math.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / us**2 + b)) <= bound:
            return float(k)


def binomial(generator: MT19937, count: float, p: float) -> float:
    """One number of successes."""
    if math.isnan(count) or math.isnan(p):
        return math.nan
    if count <= 0 or p <= 0 or p >= 1:
        return max(count, 0.0) if p >= 1 else 0.0
    if p > 0.5:
        return count - binomial(generator, count, 1 - p)
    if count * p < 10:
        k, trials = -1, 0
        while trials <= count:
            trials += math.ceil(math.log(generator.uniform()) / math.log1p(-p))
            k += 1
        return float(k)
    return _many(generator, count, p)


def _many(generator: MT19937, count: float, p: float) -> float:
    deviation = math.sqrt(count * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    alpha, mode = (2.83 + 5.1 / b) * deviation, math.floor((count + 1) * p)

    def log_probability(k: float) -> float:
        ways = math.lgamma(k + 1) + math.lgamma(count - k + 1)
        return k * math.log(p / (1 - p)) - ways

    while True:
        u, v = generator.uniform() - 0.5, generator.uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + count * p + 0.5)
        if us >= 0.07 and v <= 0.92 - 4.2 / b:
            return float(k)
        if not 0 <= k <= count:
            continue
        if math.log(v * alpha / (a / us**2 + b)) <= log_probability(k) - log_probability(mode):
            return float(k)


def dirichlet(generator: MT19937, alpha: Array) -> Array:
    """Gamma draws, divided by their sum along the last dimension."""
    drawn = np.array([gamma(generator, np.float64(a)) for a in alpha.flat]).reshape(alpha.shape)
    return np.asarray(drawn / drawn.sum(-1, keepdims=True))
