"""The gradients of the reference, against finite differences; nothing of the engine is used.

The calls are those of the table of cases, and a few that only the reference takes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, TypeGuard

import numpy as np
import pytest

from cases import TABLE
from cases.row import Arr, Call, Row, arr, call, find, materialize
from steep.reference import OPS
from steep.reference.registry import Array

rng = np.random.default_rng(20)

# Finite differences go over every element: calls of at most so many are affordable.
MOST = 40

# Where the reference takes more than the engine: several dimensions for one, an empty list of them.
_X = arr(2, 3, 4)
_reductions = "sum mean var std var_mean std_mean prod logsumexp amax amin"
BEYOND: dict[str, tuple[Call, ...]] = {
    **{
        name: (call(_X, dim=()), call(_X, dim=(0, -1), keepdim=True))
        for name in _reductions.split()
    },
    "norm": (call(arr(2, 3), 3, (0, 1), True),),
    "getitem": (call(_X, True),),
    "tril": (call(arr(3, 4)),),
    "triu": (call(arr(3, 4), 1),),
}


def rows_of(name: str) -> list[Row]:
    """The rows of the table that a reference stands behind."""
    return [row for key, row in TABLE.items() if row.reference == name or key == name]


def described(name: str) -> Iterator[Call]:
    for row in rows_of(name):
        yield from (*row.calls, *row.rule_calls) if row.reference == name else row.rule_calls
    yield from BEYOND.get(name, ())


def affordable(given: Call) -> bool:
    """Where two elements are equal an extremum has no slope."""
    ties = any(spec.domain == "ties" for spec in find(given, Arr))
    arrays = list(find(given, (Arr, np.ndarray)))
    return not ties and sum(int(np.prod(a.shape, dtype=int)) for a in arrays) <= MOST


# As described, and with arrays.
CASES = {
    name: [
        (given, materialize(given, "float64", name))
        for given in described(name)
        if affordable(given)
    ]
    for name, op in OPS.items()
    if op.gradient
}

ROWS = [
    pytest.param(name, given, call, id=f"{name}-{i}")
    for name, calls in CASES.items()
    for i, (given, call) in enumerate(calls)
]


def steering(given: Call, call: Call) -> set[int]:
    """The arrays that no gradient is asked for though they hold floats, by identity."""
    pairs = zip(find(given, (Arr, np.ndarray)), find(call, np.ndarray), strict=True)
    return {id(array) for spec, array in pairs if isinstance(spec, Arr) and spec.fixed}


def listed_arrays(name: str, args: Any, kwargs: Any) -> Iterator[Array]:
    """The arrays of a case in the order in which the operation promises their gradients."""
    bound = inspect.signature(OPS[name].forward).bind(*args, **kwargs).arguments
    for parameter in OPS[name].arrays:
        value = bound.get(parameter)
        yield from filter(is_array, value if isinstance(value, list | tuple) else [value])


def is_array(value: object) -> TypeGuard[Array]:
    return isinstance(value, np.ndarray)


def weighted(results: Any, weights: list[Array]) -> float:
    """A scalar that every element of every float result has its own share in."""
    results = results if isinstance(results, tuple) else (results,)
    floats = [r for r in results if r.dtype.kind == "f"]
    return float(sum((r * w).sum() for r, w in zip(floats, weights, strict=True)))


def slopes(function: Any, x: Array, step: float = 1e-6) -> Array:
    """Central differences of ``function()`` by each element of `x`, which is changed in place."""
    out = np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + step
        above = function()
        x[i] = kept - step
        out[i] = (above - function()) / (2 * step)
        x[i] = kept
    return out


@pytest.mark.parametrize(("name", "given", "call"), ROWS)
def test_gradient_is_the_slope(name: str, given: Call, call: Call) -> None:
    op, args, kwargs = OPS[name], call.args, call.kwargs
    assert op.gradient is not None
    out = op.forward(*args, **kwargs)
    results = out if isinstance(out, tuple) else (out,)
    grads = tuple(np.asarray(rng.normal(size=r.shape)) for r in results)
    weights = [g for g, r in zip(grads, results, strict=True) if r.dtype.kind == "f"]
    gradients = op.gradient(grads if isinstance(out, tuple) else grads[0], *args, **kwargs)
    arrays = list(listed_arrays(name, args, kwargs))
    assert len(gradients) == len(arrays)
    for gradient, x in zip(gradients, arrays, strict=True):
        if gradient is None:
            assert x.dtype.kind != "f" or id(x) in steering(given, call)
            continue
        assert gradient.shape == x.shape
        assert gradient.dtype == x.dtype
        expected = slopes(lambda: weighted(op.forward(*args, **kwargs), weights), x)
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_every_gradient_is_covered(name: str) -> None:
    def floats(call: Call) -> int:
        return sum(x.size for x in find(call, np.ndarray) if x.dtype.kind == "f")

    assert any(floats(call) for _, call in CASES[name]), f"a call for {name} in the table of cases"


@pytest.mark.parametrize("name", sorted(CASES))
def test_float32_stays_float32(name: str) -> None:
    def narrowed(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(narrowed(v) for v in value)
        return value.astype(np.float32) if is_array(value) and value.dtype.kind == "f" else value

    args, kwargs = CASES[name][0][1].args, CASES[name][0][1].kwargs
    out = OPS[name].forward(*map(narrowed, args), **{k: narrowed(v) for k, v in kwargs.items()})
    wide = OPS[name].forward(*args, **kwargs)
    pairs = zip(out, wide, strict=True) if isinstance(out, tuple) else [(out, wide)]
    for got, expected in pairs:
        assert isinstance(got, np.ndarray)
        if got.dtype.kind == "f":
            assert got.dtype == np.float32
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
