"""Reductions and running sums of many elements: how far rounding takes them from float64.

The bounds are relative to the largest result, in float32; half a unit in the last place is 6e-8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import steep
from tolerances import same_bits

SHAPES = [(1_200_000,), (1200, 1000), (60_000, 20), (20, 60_000), (100, 120, 100), (600_000, 2)]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# What makes rounding add up: equal numbers, and numbers far from 0 beside what is wanted of them.
FILLS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "equal": lambda shape: np.full(shape, 0.1, np.float32),
    "normal": lambda shape: rng().normal(size=shape).astype(np.float32),
    "around 1e3": lambda shape: (rng().normal(size=shape) + 1e3).astype(np.float32),
    "around 1e6": lambda shape: (rng().normal(size=shape) + 1e6).astype(np.float32),
}


def log_sum_exp(x: Any, dim: int) -> Any:
    top = x.max(dim, keepdims=True)
    return np.log(np.exp(x - top).sum(dim)) + top.squeeze(dim)


# name: (the operation, its formula, the bound). Sums and norms are added up in float32, by pairs;
# variances and running sums in float64.
OPERATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], float]] = {
    "sum": (steep.sum, lambda x, d: x.sum(d), 5e-7),
    "mean": (steep.mean, lambda x, d: x.mean(d), 5e-7),
    "norm": (lambda x, d: steep.norm(x, 2, d), lambda x, d: np.sqrt((x * x).sum(d)), 5e-7),
    "logsumexp": (steep.logsumexp, log_sum_exp, 5e-7),
    "cumsum": (steep.cumsum, lambda x, d: x.cumsum(d), 1e-7),
    "var": (steep.var, lambda x, d: x.var(d, ddof=1), 1e-7),
    "std": (steep.std, lambda x, d: x.std(d, ddof=1), 1e-7),
}


def layouts(array: Any) -> Iterator[tuple[str, Any, Any]]:
    """The array as tensor and in float64: row-major, its dimensions reversed, every second row."""
    x = steep.from_numpy(array)
    yield "contiguous", x, array.astype(np.float64)
    if array.ndim > 1:
        yield "reversed", x.permute(*reversed(range(array.ndim))), array.T.astype(np.float64)
    yield "every second", x[::2], array[::2].astype(np.float64)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("fill", FILLS)
def test_error_along_every_dimension(fill: str, shape: tuple[int, ...]) -> None:
    for layout, x, exact in layouts(FILLS[fill](shape)):
        for dim in range(x.dim()):
            if x.size(dim) < 20:
                continue  # a spread of few numbers near 0 is no measure
            for name, (function, formula, bound) in OPERATIONS.items():
                expected = formula(exact, dim)
                error = np.abs(function(x, dim).numpy() - expected).max()
                size = np.abs(expected).max()
                # The variance of equal numbers is 0, but for what float64 leaves of the mean.
                assert error <= bound * size + 1e-30, f"{name}, {layout}, {dim}: {error / size:.1e}"


def test_running_sum_of_two_million() -> None:
    x = steep.full((2_000_000,), 0.1)
    exact = np.arange(1, 2_000_001) * float(np.float32(0.1))
    np.testing.assert_allclose(x.cumsum(0).numpy(), exact, rtol=1e-7)


@pytest.mark.parametrize("shape", [(5000,), (700, 3), (40, 600), (9, 50, 4)], ids=str)
def test_gradient_of_a_running_sum_is_added_up_as_it_is(shape: tuple[int, ...]) -> None:
    for dim in range(len(shape)):
        x = steep.zeros(*shape, requires_grad=True)
        x.cumsum(dim).backward(steep.full(shape, 0.1))
        step = np.flip(np.cumsum(np.full(shape, float(np.float32(0.1))), dim), dim)
        np.testing.assert_allclose(x.grad.numpy(), step, rtol=1e-7)


@pytest.mark.parametrize("shape", [(3, 100_003), (100_003, 3), (4000, 300), (7, 900, 70)], ids=str)
def test_spread_has_the_same_bits_on_any_number_of_threads(shape: tuple[int, ...]) -> None:
    x = steep.from_numpy(FILLS["around 1e3"](shape))

    def results(threads: int) -> list[Any]:
        steep.set_num_threads(threads)
        found = [f(x, dim) for dim in range(x.dim()) for f in (steep.var, steep.std, steep.sum)]
        return [r.numpy() for r in (*found, *steep.var_mean(x, 0), *steep.std_mean(x))]

    alone = results(1)
    for threads in (2, 3, 4):
        for got, expected in zip(results(threads), alone, strict=True):
            same_bits(got, expected)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e18, 1e30])
def test_deviation_of_numbers_whose_squares_are_beyond_float32(scale: float) -> None:
    x = (rng().normal(size=(50, 3)) * scale).astype(np.float32)
    exact = x.astype(np.float64).std(0, ddof=1)
    np.testing.assert_allclose(steep.std(steep.from_numpy(x), 0).numpy(), exact, rtol=1e-6)
    np.testing.assert_allclose(steep.std(steep.from_numpy(x.T.copy()), 1).numpy(), exact, rtol=1e-6)


def test_variance_and_mean_are_those_by_themselves() -> None:
    x = steep.from_numpy(FILLS["around 1e6"]((300, 40)))
    variance, mean = steep.var_mean(x, 0)
    same_bits(variance.numpy(), steep.var(x, 0).numpy())
    exact = x.numpy().astype(np.float64).mean(0)
    same_bits(mean.numpy(), exact.astype(np.float32))
    deviation, mean = steep.std_mean(x, (0, 1), keepdim=True)
    same_bits(deviation.numpy(), steep.std(x, (0, 1), keepdim=True).numpy())
    assert tuple(mean.shape) == (1, 1)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int32", "int64"])
def test_integers_are_counted_exactly(dtype: str) -> None:
    """Sums of small types do not wrap around in them."""
    array = (np.arange(300_000).reshape(1000, 300) % 200).astype(dtype)
    x = steep.from_numpy(array)
    for dim in (0, 1):
        for function in (steep.sum, steep.cumsum):
            got = function(x, dim)
            assert got.dtype == steep.int64
            expected = getattr(array.astype(np.int64), function.__name__)(dim)
            np.testing.assert_array_equal(got.numpy(), expected)
    with pytest.raises(RuntimeError, match="mean: expected a floating-point dtype"):
        x.mean(0)


# ---- an empty list of dims -----------------------------------------------------------------------


@pytest.mark.parametrize("function", [steep.any, steep.all])
@pytest.mark.parametrize("keepdim", [False, True])
def test_any_and_all_over_no_dims_are_the_truth_of_each_element(function, keepdim):
    x = steep.tensor([[1.0, 0.0], [math.nan, 3.0]])
    out = function(x, dim=(), keepdim=keepdim)
    assert out.dtype == steep.bool
    assert out.tolist() == [[True, False], [True, True]]
    assert function(steep.tensor(2.0), dim=()).tolist() is True
    assert function(steep.ones(0), dim=[]).shape == (0,)
    raw = function(steep.tensor([2, 0], dtype=steep.uint8), dim=())
    assert (raw.dtype, raw.tolist()) == (steep.uint8, [1, 0])


def test_logsumexp_over_no_dims_is_refused():
    with pytest.raises(RuntimeError, match="logsumexp: expected at least one dim"):
        steep.logsumexp(steep.ones(2, 2), dim=())
    assert steep.logsumexp(steep.tensor(2.0), dim=()).item() == 2
