"""The packed matrix product has the bits of the plain loops that say what it computes."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import naive_products
import steep
from naive_products import BATCHES, ENDS, Case, assert_same_bits, compare, run
from product_cases import LAYOUTS
from steep import _core

SCRIPT = Path(naive_products.__file__)


@pytest.mark.parametrize("level", _core.available_levels())
def test_every_level_has_the_bits_of_the_plain_loops(level: str) -> None:
    environment = os.environ | {"STEEP_CPU": level}
    done = subprocess.run(
        [sys.executable, SCRIPT], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found, count = done.stdout.split()
    assert found == level
    assert int(count) > 1000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("end", ENDS)
def test_every_end_of_a_product(end: str, dtype: str) -> None:
    sizes = [(1, 70, 5), (5, 70, 1), (7, 9, 33), (1, 20, 150)]
    for size, layout, batch, more in product(sizes, LAYOUTS, BATCHES, range(4)):
        compare(Case(size, layout, dtype, batch, end, more % 2 == 1, more > 1, 3 * (more % 2)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(1, 0, 3), (3, 0, 1), (2, 0, 2), (1, 1, 1)], ids=str)
def test_empty_and_single_sums(size: tuple[int, int, int], layout: str) -> None:
    for accumulate in (False, True):
        compare(Case(size, layout, "float32", "alone", "relu", True, accumulate, 0))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(4, 40, 9), (1, 40, 9), (9, 40, 1)], ids=str)
def test_special_values(size: tuple[int, int, int], layout: str) -> None:
    """Infinities, NaN, zeros of both signs, and what vanishes below the least number."""
    m, k, n = size
    special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-30, -1e-30, 3e38, 1e-45], "f4")
    for seed in range(20):
        draws = np.random.default_rng(seed)
        some = special[3:7] if seed % 2 else special
        a, b = draws.choice(some, (m, k)), draws.choice(some, (k, n))
        x = naive_products.placed(a, layout[0] == "T")
        y = naive_products.placed(b, layout[1] == "T")
        case = Case(size, layout, "float32", "alone", "none", False, False, 0)
        assert_same_bits(run(case, x, y, naive=False), run(case, x, y, naive=True), (seed, case))


def test_another_order_of_the_sum_has_other_bits() -> None:
    case = Case((3, 500, 4), "NN", "float32", "alone", "none", False, False, 0)
    x, y = case.operands()
    backwards = run(case, x.flip(1).contiguous(), y.flip(0).contiguous(), naive=True)
    forwards = run(case, x, y, naive=True)
    np.testing.assert_allclose(backwards, forwards, rtol=1e-3, atol=1e-3)
    assert (backwards != forwards).any()


def test_operands_that_do_not_fit_are_refused() -> None:
    out, x = steep.zeros(2, 3), steep.ones(2, 4)
    for a, b, more in [
        (x, steep.ones(3, 4), {}),
        (x, steep.ones(4, 3, dtype=steep.float64), {}),
        (x, steep.ones(4, 3), {"bias": steep.ones(2)}),
        (x, steep.ones(4, 3), {"activation": "relu_backward"}),
        (x, steep.ones(4, 3), {"activation": "cosine"}),
        (x, steep.ones(4, 3), {"activation": "tanh", "naive": True}),
    ]:
        with pytest.raises(ValueError, match="product_into"):
            _core.product_into(out, a, b, **more)
    assert out.tolist() == steep.zeros(2, 3).tolist()
