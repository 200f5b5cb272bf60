"""One, two and three threads give the same bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import materialize
from runner import Recorded, numpy, outputs, run, tensor
from steep import _core
from steep.reference import OPS
from test_counts import Counting
from tolerances import same_bits

LARGE = [name for name, row in TABLE.items() if row.large is not None]


def with_threads(count: int, function: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
    steep.set_num_threads(count)
    return function()


@pytest.mark.parametrize("name", LARGE)
def test_same_bits_forward(name: str) -> None:
    row = TABLE[name]
    assert row.large is not None
    for dtype in {row.dtypes[0], row.dtypes[-1]}:
        call = materialize(row.large, dtype, name)
        alone = with_threads(1, lambda call=call: run(name, row, call))
        for count in (2, 3):
            together = with_threads(count, lambda call=call: run(name, row, call))
            for got, expected in zip(together, alone, strict=True):
                same_bits(got, expected)


@pytest.mark.parametrize("name", [n for n in LARGE if TABLE[n].gradient is True])
def test_same_bits_backward(name: str) -> None:
    row = TABLE[name]
    assert row.large is not None
    call = materialize(row.large, "float32", name)

    def gradients() -> list[np.ndarray]:
        assert row.large is not None
        graph = Recorded(name, row, row.large, call)
        grads = graph.cotangents(np.random.default_rng(1))
        return numpy(graph.gradients([tensor(g) for g in grads]))

    alone = with_threads(1, gradients)
    for count in (2, 3):
        for got, expected in zip(with_threads(count, gradients), alone, strict=True):
            same_bits(got, expected)


REDUCTIONS = [name for name, row in TABLE.items() if row.reduces]
LONG = [(300_007,), (3, 100_003), (100_003, 3), (64, 65, 66), (2, 7, 3, 9001)]


@pytest.mark.parametrize("shape", LONG, ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_same_bits_over_any_dimensions(name: str, shape: tuple[int, ...]) -> None:
    """Long runs and short ones, in front, behind and between; each near its value in float64."""
    a = np.random.default_rng(len(shape)).uniform(0.9995, 1.0005, shape).astype(np.float32)
    x = tensor(a)
    reference = OPS[name].forward
    for dim in [tuple(range(len(shape))), *((d,) for d in range(len(shape))), (0, len(shape) - 1)]:
        dims = tuple(set(dim))
        given = {"dim": dims} if TABLE[name].reduces == "dims" else {"dim": dims[0]}

        def reduce(x: steep.Tensor = x, given: dict[str, object] = given) -> list[np.ndarray]:
            return numpy(getattr(x, name)(**given))

        alone = with_threads(1, reduce)
        for count in (2, 3):
            for together, result in zip(with_threads(count, reduce), alone, strict=True):
                same_bits(together, result)
        # Factors this near to 1 round towards 0 more often than not: a drift of 2e-9 each.
        drift = 2e-9 * a.size if "prod" in name else 0.0
        for result, wanted in zip(alone, outputs(reference(a, **given)), strict=True):
            np.testing.assert_allclose(result, wanted, rtol=2e-4 + drift, atol=1e-7)


def test_large_calls_are_split() -> None:
    """Otherwise the tests above prove nothing."""
    steep.set_num_threads(2)
    for name in ("add", "exp", "sum", "matmul", "softmax", "cross_entropy", "linear", "argmax"):
        row = TABLE[name]
        assert row.large is not None
        call = materialize(row.large, "float32", name)
        with Counting() as count:
            run(name, row, call)
        assert count["parallel_launches"] >= 1, name
    steep.set_num_threads(1)
    with Counting() as count:
        steep.ones(1_000_000).exp()
    assert count["parallel_launches"] == 0


def test_number_of_threads() -> None:
    steep.set_num_threads(3)
    assert steep.get_num_threads() == 3
    with pytest.raises(ValueError, match="thread"):
        steep.set_num_threads(0)
    assert steep.get_num_threads() == 3
    assert _core.counters()
