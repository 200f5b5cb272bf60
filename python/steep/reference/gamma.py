"""The gamma function's family, Bessel functions and the normal distribution's tails.

Formulas are those of Abramowitz & Stegun, "Handbook of Mathematical Functions" (1964), by their
numbers; Bessel functions come from their integrals.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steep.reference.elementwise import unary
from steep.reference.registry import Array, float_type, register, result_type, wide

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])
# B_2 to B_20.
BERNOULLI = (
    *(1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510),
    *(43867 / 798, -174611 / 330),
)


def _lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.inf if x > 1e305 else math.lgamma(x)


lgamma = np.vectorize(_lgamma, otypes=[np.float64])


def _digamma(x: float) -> float:
    """6.3.5 up to 30, then 6.3.18; 6.3.7 below 0."""
    if x == 0:
        return math.copysign(math.inf, -x)
    if x < 0:
        whole = math.isinf(x) or x == math.floor(x)
        return math.nan if whole else _digamma(1 - x) - math.pi / math.tan(math.pi * (x % 1))
    if math.isinf(x) or math.isnan(x):
        return x
    steps = [1 / (x + k) for k in range(max(0, math.ceil(30 - x)))]
    y = x + len(steps)
    tail = [b / (2 * k * y ** (2 * k)) for k, b in enumerate(BERNOULLI, 1)] if y < 1e15 else []
    return math.fsum([math.log(y), -1 / (2 * y), *(-t for t in tail), *(-s for s in steps)])


digamma = np.vectorize(_digamma, otypes=[np.float64])


def _zeta(s: float, q: float) -> float:
    """The sum of ``(q + k)**-s``: terms up to 30, then 23.2.3 (Euler and Maclaurin's sum)."""
    if math.isnan(s) or math.isnan(q):
        return math.nan
    if s <= 1:
        return math.inf if s == 1 else math.nan
    if q <= 0 and (math.isinf(q) or q == math.floor(q)):
        return math.inf
    if q < 0 and s != math.floor(s):
        return math.nan
    if q < -1000:  # as many terms as can be added up
        return math.nan
    if q > 1e15:
        return float(q ** (1 - s) / (s - 1))
    terms = [_power(q + k, -s) for k in range(max(0, math.ceil(30 + s - q)))]
    n = q + len(terms)
    terms += [n ** (1 - s) / (s - 1), n**-s / 2]
    factor = s * n ** (-s - 1)
    for j, b in enumerate(BERNOULLI, 1):
        factor /= 2 * j * (2 * j - 1)
        terms.append(factor * b)
        factor *= (s + 2 * j - 1) * (s + 2 * j) / n**2
    return math.inf if math.inf in terms else math.fsum(terms)


def _power(x: float, y: float) -> float:
    try:
        return float(x**y)
    except OverflowError:
        return math.inf if x > 0 or y % 2 == 0 else -math.inf


zeta = np.vectorize(_zeta, otypes=[np.float64])


def polygamma(n: int, input: Any) -> Array:
    """6.4.10."""
    x = wide(np.asarray(input).astype(float_type(result_type(input))))
    found = digamma(x) if n == 0 else (-1) ** (n + 1) * math.gamma(n + 1) * zeta(n + 1, x)
    return np.asarray(found).astype(float_type(result_type(input)))


def polygamma_gradient(grad: Array, n: int, input: Array) -> tuple[Array]:
    """The next order."""
    return (wide(grad) * polygamma(n + 1, wide(input)),)


def mvlgamma(x: Array, p: int) -> Array:
    """The sum over the diagonal of a Wishart matrix's density."""
    return np.asarray(
        p * (p - 1) / 4 * math.log(math.pi) + sum(lgamma(x - i / 2) for i in range(p))
    )


def mvlgamma_slope(x: Array, p: int) -> Array:
    """That of each part."""
    return np.asarray(sum(digamma(x - i / 2) for i in range(p)))


unary("lgamma", lgamma, digamma, "float")
unary("digamma", digamma, lambda x: zeta(2, x), "float")
unary("mvlgamma", mvlgamma, mvlgamma_slope, "float")
register("polygamma", polygamma, polygamma_gradient)


# --- incomplete gamma functions -----------------------------------------------------------------


def _incomplete(a: float, x: float) -> float:
    """P by 6.5.29."""
    if not (a >= 0 and x >= 0) or (a == x and a in (0, math.inf)):
        return math.nan
    if a == 0 or x == 0 or math.inf in (a, x):
        return float(a == 0 or x == math.inf)
    if x > 700 + 3 * a or a > 1e10:  # there all draws are the mean
        return 0.5 if x == a else float(x > a)
    terms: list[float] = []
    term = math.exp(a * math.log(x) - x - math.lgamma(a + 1))
    k = a
    while term > 1e-300 and (term > 1e-18 * max(terms, default=0) or k < x):
        terms.append(term)
        k += 1
        term *= x / k
    return min(math.fsum(terms), 1.0)


incomplete = np.vectorize(_incomplete, otypes=[np.float64])


def _with_tail(name: str, upper: bool) -> None:
    def forward(input: Any, other: Any) -> Array:
        p = incomplete(wide(np.asarray(input)), wide(np.asarray(other)))
        return np.asarray(1 - p if upper else p).astype(result_type(input, other))

    register(name, forward, arrays=("input", "other"))


_with_tail("igamma", False)
_with_tail("igammac", True)


def _zeta_forward(input: Any, other: Any) -> Array:
    dtype = float_type(result_type(input, other))
    return np.asarray(zeta(np.asarray(input, dtype), np.asarray(other, dtype))).astype(dtype)


register("special_zeta", _zeta_forward, arrays=("input", "other"))


# --- Bessel functions ---------------------------------------------------------------------------


def _bessel(order: int, x: float) -> float:
    """``exp(-|x|) I(x)`` by 9.6.19, the mean of ``exp(x cos t) cos(n t)`` over a turn.

    The trapezoidal rule is exact up to the order of its number of points.
    """
    if math.isnan(x) or math.isinf(x):
        return math.nan if math.isnan(x) else math.copysign(0.0, x if order else 1.0)
    size = abs(x)
    if size > 1e7:  # the first two terms of 9.7.1
        found = (1 - (4 * order**2 - 1) / (8 * size)) / math.sqrt(2 * math.pi * size)
    elif order and size < 1e-6:
        found = size / 2 * math.exp(-size)
    else:
        count = 64 + int(8 * math.sqrt(size)) * 4
        turns = np.arange(count) * (2 * math.pi / count)
        found = math.fsum(np.exp(size * (np.cos(turns) - 1)) * np.cos(order * turns)) / count
    return math.copysign(found, x) if order else found


_i0e = np.vectorize(lambda x: _bessel(0, x), otypes=[np.float64])
_i1e = np.vectorize(lambda x: _bessel(1, x), otypes=[np.float64])


def _grown(found: Array, x: Array) -> Array:
    half = np.exp(np.abs(x) / 2)
    return np.where(
        np.isinf(half), np.where(found < 0, -np.inf, np.inf) * half, found * half * half
    )


def i0(x: Array) -> Array:
    """That of order 0."""
    return np.where(np.isinf(x), np.inf, _grown(_i0e(x), x))


def i1(x: Array) -> Array:
    """That of order 1."""
    return np.where(np.isinf(x), x, np.where(x == 0, x, _grown(_i1e(x), x)))


def _ratio(x: Array, found: Array) -> Array:
    return np.where(x == 0, 0.5, found / np.where(x == 0, 1, x))


unary("i0", i0, i1, "float")
unary("special_i1", i1, lambda x: i0(x) - _ratio(x, i1(x)), "float")
unary("special_i0e", _i0e, lambda x: _i1e(x) - np.sign(x) * _i0e(x), "float")
unary(
    "special_i1e",
    _i1e,
    lambda x: _i0e(x) - np.sign(x) * _i1e(x) - _ratio(x, _i1e(x)),
    "float",
)


# --- the normal distribution --------------------------------------------------------------------


def _erfcx(x: float) -> float:
    """7.1.14 from 2 on."""
    if x < -26.7:
        return math.inf
    if not x > 2:
        return math.exp(x * x) * math.erfc(x)
    tail = 0.0
    for n in range(300, 0, -1):
        tail = n / 2 / (x + tail)
    return 1 / (math.sqrt(math.pi) * (x + tail))


erfcx = np.vectorize(_erfcx, otypes=[np.float64])


def log_ndtr(x: Array) -> Array:
    """``log(erfc(-x / sqrt(2)) / 2)``."""
    scaled = x / math.sqrt(2)
    left = np.log(erfcx(-np.minimum(scaled, 0)) / 2) - np.minimum(scaled, 0) ** 2
    return np.asarray(np.where(x < 0, left, np.log1p(-_erfc(scaled) / 2)))


def ndtri(p: Array) -> Array:
    """The root by bisection, in logarithms where p is small."""
    share = np.minimum(p, 1 - p)
    low, high = np.full_like(share, -40.0), np.zeros_like(share)
    for _ in range(80):
        middle = (low + high) / 2
        near = _erf(middle / math.sqrt(2)) / 2 < share - 0.5
        below = np.where(share > 0.25, near, log_ndtr(middle) < np.log(share))
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    x = np.where(share == 0, -np.inf, np.where(share > 0, (low + high) / 2, np.nan))
    return np.asarray(np.where(p > 0.5, -x, x))


unary("special_erfcx", erfcx, lambda x: 2 * x * erfcx(x) - 2 / math.sqrt(math.pi), "float")
unary(
    "special_log_ndtr",
    log_ndtr,
    lambda x: math.sqrt(2 / math.pi) / erfcx(-x / math.sqrt(2)),
    "float",
)
unary(
    "special_ndtri",
    ndtri,
    lambda p: math.sqrt(2 * math.pi) * np.exp(ndtri(p) ** 2 / 2),
    "float",
)
