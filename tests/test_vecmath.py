"""The engine's own exp, log, sin, ... against wider arithmetic, in units in the last place.

float32 is held against float64, float64 against NumPy's long double. Where a platform's long double
is no wider than a double, the reference's own rounding is allowed for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from runner import tensor
from steep import _core
from tolerances import same_bits

Array = np.ndarray[Any, np.dtype[Any]]
Function = Callable[[Array], Array]
Wide = np.longdouble

WIDE_BITS = np.finfo(Wide).nmant
SLACK = 0.0 if WIDE_BITS > 52 else 2.0
# The bounds are those of levels with FMA: without it a product is rounded before it is added, which
# takes up to another half of a unit where the last step adds one.
UNFUSED = 0.4 if _core.cpu_level() == "baseline" else 0.0
COUNT = 20_000


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


# Name, reference, the range where it has most to do, and the bounds for float32 and float64.
FUNCTIONS: list[tuple[str, Function, tuple[float, float], float, float]] = [
    ("exp", np.exp, (-750, 715), 1.2, 1.2),
    ("exp2", np.exp2, (-1080, 1030), 1.2, 1.2),
    ("expm1", np.expm1, (-45, 715), 1.3, 1.3),
    ("log", np.log, (0, 3), 1.1, 1.1),
    ("log2", np.log2, (0, 3), 1.1, 1.1),
    ("log10", np.log10, (0, 3), 1.1, 1.1),
    ("log1p", np.log1p, (-1, 3), 1.2, 1.2),
    ("sin", np.sin, (-100, 100), 0.6, 1.0),
    ("cos", np.cos, (-100, 100), 0.6, 1.0),
    ("tan", np.tan, (-100, 100), 0.6, 1.2),
    ("asin", np.arcsin, (-1, 1), 1.8, 1.8),
    ("acos", np.arccos, (-1, 1), 1.5, 1.5),
    ("atan", np.arctan, (-8, 8), 1.5, 1.5),
    ("sinh", np.sinh, (-12, 12), 1.8, 2.0),
    ("cosh", np.cosh, (-12, 12), 1.6, 1.7),
    ("tanh", np.tanh, (-20, 20), 1.5, 1.5),
    ("sigmoid", sigmoid, (-120, 40), 1.5, 1.7),
    ("erf", erf, (-6, 6), 1.2, 1.2),
    ("erfc", erfc, (-6, 28), 2.6, 3.2),
    ("softplus", softplus, (-40, 40), 1.9, 1.9),
]


def native(name: str, *inputs: Array) -> Array:
    if name == "softplus":  # without the threshold beyond which PyTorch returns the input
        out = steep.nn.functional.softplus(tensor(inputs[0]), threshold=math.inf)
    else:
        out = getattr(steep, name)(*(tensor(x) for x in inputs))
    return np.asarray(out.numpy())


def samples(dtype: type[Any], low: float, high: float) -> Array:
    """The interval, every binade of both signs, subnormals among them, and the special values."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    word = np.uint32 if dtype is np.float32 else np.uint64
    patterns = rng.integers(0, np.iinfo(word).max, COUNT, dtype=word, endpoint=True).view(dtype)
    inside = rng.uniform(low, high, COUNT)
    small = rng.uniform(-2, 2, COUNT)
    tiny = rng.uniform(-2, 2, COUNT // 10) * float(info.tiny)
    special = [0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0, 0.5, -0.5, 1e9, 1.1e9, -3e18]
    edges = [info.tiny, info.smallest_subnormal, info.max, -info.max, -info.smallest_subnormal]
    parts = [patterns, inside, small, tiny, np.array(special), np.array(edges)]
    return np.concatenate([part.astype(dtype) for part in parts])


def units(got: Array, exact: Array) -> Array:
    """Distance of `got` from `exact` in units in the last place of `got`'s dtype."""
    info = np.finfo(got.dtype)
    exact = exact.astype(Wide)
    with np.errstate(all="ignore"):
        rounded = exact.astype(got.dtype)
        unit = np.spacing(np.minimum(np.abs(rounded), info.max / 2)).astype(Wide)
        distance = np.abs(got.astype(Wide) - exact) / unit
    same = (np.isnan(got) & np.isnan(rounded)) | (got == rounded)
    return np.where(same, 0, np.where(np.isfinite(distance), distance, np.inf))


def worst(got: Array, exact: Array, *inputs: Array) -> tuple[float, str]:
    distance = units(got, exact)
    at = int(np.argmax(distance))
    where = ", ".join(repr(x[at]) for x in inputs)
    return float(distance[at]), f"{distance[at]:.2f} units at {where}: {got[at]!r}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row[0])
def test_accuracy(
    row: tuple[str, Function, tuple[float, float], float, float], dtype: type[Any]
) -> None:
    name, reference, (low, high), *bounds = row
    x = samples(dtype, low, high)
    single = dtype is np.float32
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64 if single else Wide))
    bound = UNFUSED + (bounds[0] if single else bounds[1] + SLACK)
    error, message = worst(native(name, x), exact, x)
    assert error <= bound, message


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["expm1", "log1p", "sin", "tan", "asin", "atan", "sinh", "tanh"])
def test_odd_near_zero(name: str, dtype: type[Any]) -> None:
    """Subnormals and both zeros come back as they are."""
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, tiny, -tiny, 77 * tiny, -1234 * tiny], dtype=dtype)
    same_bits(native(name, x), x)


def pairs(dtype: type[Any]) -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(0, 50, COUNT), 1 + rng.normal(size=COUNT) * 1e-3])
    y = np.concatenate([rng.normal(size=COUNT) * 20, rng.normal(size=COUNT) * 5e3])
    whole = rng.integers(-40, 40, (2, COUNT // 4)).astype(float)
    return (
        np.concatenate([x, whole[0]]).astype(dtype),
        np.concatenate([y, whole[1]]).astype(dtype),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "reference"), [("pow", np.power), ("atan2", np.arctan2)])
def test_accuracy_of_two_arguments(
    name: str, reference: Callable[[Array, Array], Array], dtype: type[Any]
) -> None:
    x, y = pairs(dtype)
    single = dtype is np.float32
    wide = np.float64 if single else Wide
    with np.errstate(all="ignore"):
        exact = reference(x.astype(wide), y.astype(wide))
    error, message = worst(native(name, x, y), exact, x, y)
    assert error <= (1.6 if single else 1.6 + SLACK), message


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["pow", "atan2", "fmod", "remainder"])
def test_special_pairs(name: str, dtype: type[Any]) -> None:
    """Zeros of both signs, infinities, NaN, odd and even exponents, all against all."""
    values = [0.0, 1.0, 0.5, 2.0, 3.0, 1e30, math.inf]
    values = [sign * value for value in values for sign in (1.0, -1.0)] + [math.nan]
    grid = np.array(values, dtype=dtype)
    x, y = (part.reshape(-1).copy() for part in np.meshgrid(grid, grid))
    reference: dict[str, Callable[[Array, Array], Array]] = {
        "pow": np.power,
        "atan2": np.arctan2,
        "fmod": np.fmod,
        "remainder": remainder,
    }
    with np.errstate(all="ignore"):
        exact = reference[name](x, y)
    got = native(name, x, y)
    np.testing.assert_allclose(got, exact, rtol=2 * float(np.finfo(dtype).eps))
    numbers = ~np.isnan(got)
    np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(exact)[numbers])


def remainder(x: Array, y: Array) -> Array:
    """PyTorch's: C's fmod, moved by y where the signs differ. NumPy's differs at infinity."""
    rest = np.fmod(x, y)
    return np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exact_division(dtype: type[Any]) -> None:
    """fmod and remainder have no rounding of their own, however large the quotient."""
    rng = np.random.default_rng(2)
    exponent = 30 if dtype is np.float32 else 290
    x, y = (
        (rng.normal(size=COUNT) * 10 ** rng.uniform(-exponent, exponent, COUNT)).astype(dtype)
        for _ in range(2)
    )
    near = slice(0, COUNT // 2)
    y[near] = (x[near] / rng.uniform(0.1, 1000, COUNT // 2)).astype(dtype)
    same_bits(native("fmod", x, y), np.fmod(x, y))
    same_bits(native("remainder", x, y), remainder(x, y))


def test_one_element_alone_and_in_a_row() -> None:
    """A value does not depend on its neighbours, even where one of them takes a long way."""
    x = np.concatenate([np.linspace(-9, 9, 77), [1e30, 5e9, math.inf, math.nan, -0.0, -200, 3, 4]])
    for name in ("sin", "cos", "tan", "exp", "tanh", "sigmoid", "erf"):
        for v in (x.astype(np.float32), x):
            row = native(name, v)
            same_bits(np.concatenate([native(name, v[i : i + 1]) for i in range(len(v))]), row)
