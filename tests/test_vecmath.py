"""The engine's own exp, log, sin, ... against wider arithmetic, in units in the last place.

The functions are those of rows that state an `accuracy`. float32 is held against float64, float64
against NumPy's long double. Where a platform's long double is no wider than a double, the
reference's own rounding is allowed for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cases import TABLE
from cases.accuracy import Wide
from runner import function_of, tensor
from steep import _core
from tolerances import same_bits

Array = np.ndarray[Any, np.dtype[Any]]

WIDE_BITS = np.finfo(Wide).nmant
SLACK = 0.0 if WIDE_BITS > 52 else 2.0
# The bounds are those of levels with FMA: without it a product is rounded before it is added, which
# takes up to another half of a unit where the last step adds one.
UNFUSED = 0.4 if _core.cpu_level() == "baseline" else 0.0
COUNT = 20_000


ACCURATE = {name: row.accuracy for name, row in TABLE.items() if row.accuracy is not None}
OF_ONE = [name for name, accuracy in ACCURATE.items() if accuracy.interval is not None]
OF_TWO = [name for name in ACCURATE if name not in OF_ONE]


def native(name: str, *inputs: Array) -> Array:
    settings = ACCURATE[name].settings if name in ACCURATE else {}
    out = function_of(name, TABLE[name])(*(tensor(x) for x in inputs), **settings)
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
@pytest.mark.parametrize("name", OF_ONE)
def test_accuracy(name: str, dtype: type[Any]) -> None:
    accuracy = ACCURATE[name]
    assert accuracy.interval is not None
    low, high = accuracy.interval
    x = samples(dtype, low, high)
    single = dtype is np.float32
    with np.errstate(all="ignore"):
        exact = accuracy.function(x.astype(np.float64 if single else Wide))
    bound = UNFUSED + (accuracy.single if single else accuracy.double + SLACK)
    error, message = worst(native(name, x), exact, x)
    assert error <= bound, message


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name in OF_ONE if ACCURATE[name].odd])
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
@pytest.mark.parametrize("name", OF_TWO)
def test_accuracy_of_two_arguments(name: str, dtype: type[Any]) -> None:
    accuracy = ACCURATE[name]
    x, y = pairs(dtype)
    single = dtype is np.float32
    wide = np.float64 if single else Wide
    with np.errstate(all="ignore"):
        exact = accuracy.function(x.astype(wide), y.astype(wide))
    error, message = worst(native(name, x, y), exact, x, y)
    assert error <= (accuracy.single if single else accuracy.double + SLACK), message


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
