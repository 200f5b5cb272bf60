"""arange and linspace: how many numbers there are, and which."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import steep

INTEGERS = {
    steep.uint8: (0, 255),
    steep.int32: (-(2**31), 2**31 - 1),
    steep.int64: (-(2**63), 2**63 - 1),
}


def test_ranges_of_large_integers_are_exact() -> None:
    assert steep.arange(2**53, 2**53 + 3).tolist() == list(range(2**53, 2**53 + 3))
    assert steep.arange(2**62, 2**62 + 5, 2).tolist() == [2**62, 2**62 + 2, 2**62 + 4]
    assert steep.arange(2**62 + 5, 2**62, -2).tolist() == [2**62 + 5, 2**62 + 3, 2**62 + 1]
    bounds = (-(2**63), 2**63 - 1, 2**62)
    assert steep.arange(*bounds).tolist() == list(range(*bounds))
    bounds = (2**63 - 1, -(2**63), -(2**63))
    assert steep.arange(*bounds).tolist() == list(range(*bounds))


def test_ranges_of_integers_are_those_of_python() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        width = 2 ** int(rng.integers(2, 62))
        start, end = (int(n) for n in rng.integers(-width, width, 2))
        step = int(rng.integers(1, 9)) * max(1, abs(end - start) // 20)
        step = step if end >= start else -step
        assert steep.arange(start, end, step).tolist() == list(range(start, end, step))


def test_fractions_are_cut_off_for_integers() -> None:
    """The length of all but int64 is counted before."""
    for dtype in (steep.int32, steep.uint8):
        assert steep.arange(0.9, 3.1, 1.5, dtype=dtype).tolist() == [0, 1]
        assert steep.arange(3.7, dtype=dtype).tolist() == [0, 1, 2, 3]
    assert steep.arange(0.9, 3.1, 1.5, dtype=steep.int64).tolist() == [0, 1, 2]
    assert steep.arange(0.5, 3.5, dtype=steep.int64).tolist() == [0, 1, 2]
    assert steep.arange(-0.5, -7.5, -1.5, dtype=steep.int32).tolist() == [0, -1, -2, -3, -4]
    assert steep.arange(-0.5, -7.5, -1.5, dtype=steep.int64).tolist() == [0, -1, -2, -3, -4, -5, -6]
    with pytest.raises(ValueError, match=r"step must be nonzero, got 0\.5, which is 0 as int64"):
        steep.arange(0, 3.5, 0.5, dtype=steep.int64)


def test_a_range_that_leaves_its_dtype_is_refused() -> None:
    assert steep.arange(250, 256, dtype=steep.uint8).tolist() == list(range(250, 256))
    assert steep.arange(5, 1, -1, dtype=steep.uint8).tolist() == [5, 4, 3, 2]
    assert steep.arange(300, 300, dtype=steep.uint8).tolist() == []
    for bounds in ((250, 257), (-2, 3), (300, 302), (3, -2, -1)):
        with pytest.raises(
            RuntimeError, match=r"arange: value .* cannot be converted to type uint8"
        ):
            steep.arange(*bounds, dtype=steep.uint8)
    with pytest.raises(RuntimeError, match="cannot be converted to type int32"):
        steep.arange(0, 2**40, 2**39, dtype=steep.int32)
    with pytest.raises(RuntimeError, match="cannot be converted to type int64"):
        steep.arange(0, 1e30, dtype=steep.int64)


def test_a_range_without_a_sensible_length_is_refused() -> None:
    for bad in ((0, 1e30), (0, 10, 1e-300), (0.0, 1.0, float("nan")), (-1e308, 1e308, 1e-10)):
        with pytest.raises(RuntimeError, match="arange"):
            steep.arange(*bad)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_linspace_of_integers_lies_between_its_ends(dtype: Any) -> None:
    """Ends are cut off first; what lies between is cut off from where it would be."""
    rng = np.random.default_rng(1)
    least, most = INTEGERS[dtype]
    for _ in range(300):
        width = min(2 ** int(rng.integers(3, 50)), most)
        start, end = (float(n) for n in rng.uniform(max(-width, least), width, 2))
        n = int(rng.integers(2, 40))
        got = steep.linspace(start, end, n, dtype=dtype).tolist()
        first, last = int(start), int(end)
        assert (got[0], got[-1], len(got)) == (first, last, n)
        for i, value in enumerate(got):
            assert value == math.trunc(first + Fraction(last - first) * i / (n - 1))


def test_linspace_of_large_integers_is_exact() -> None:
    assert steep.linspace(2**53 + 1, 2**53 + 3, 3, dtype=steep.int64).tolist() == [
        2**53 + 1,
        2**53 + 2,
        2**53 + 3,
    ]
    ends = (-(2**63), 2**63 - 1)
    assert steep.linspace(*ends, 3, dtype=steep.int64).tolist() == [ends[0], 0, ends[1]]
    assert steep.linspace(0, 2**62, 3, dtype=steep.int64).tolist() == [0, 2**61, 2**62]


def test_linspace_refuses_ends_that_the_dtype_cannot_hold() -> None:
    for ends in ((0, 300), (-5, 5), (float("nan"), 1), (0, float("inf"))):
        with pytest.raises(RuntimeError, match=r"linspace: value .* cannot be converted"):
            steep.linspace(*ends, 3, dtype=steep.uint8)
    with pytest.raises(RuntimeError, match=r"linspace: value 1e\+40 cannot be converted"):
        steep.linspace(0, 1e40, 3)
    assert steep.linspace(300, 1, 0, dtype=steep.uint8).tolist() == []


def test_linspace_ends_where_it_is_told() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        start, end = (float(x) for x in rng.normal(size=2) * 10 ** rng.uniform(-8, 8))
        for n in (1, 2, 3, 10, 33):
            out = steep.linspace(start, end, n, dtype=steep.float64).tolist()
            assert out[0] == start
            assert out[-1] == (end if n > 1 else start)
            np.testing.assert_allclose(out, np.linspace(start, end, n), rtol=1e-12, atol=1e-22)


def test_ranges_of_bools_are_the_truth_of_numbers() -> None:
    assert steep.arange(-1, 2, dtype=steep.bool).tolist() == [True, False, True]
