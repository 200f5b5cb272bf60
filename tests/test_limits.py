"""Numbers at the ends of their types: counted, compared and sorted into bins all the same."""

from __future__ import annotations

import math

import pytest

import steep

F = steep.nn.functional
MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("bound", "kept"), [(MOST, 0), (MOST - 1, 1), (2**53 + 1, 2), (2**53, 3), (-MOST - 1, 5)]
)
def test_a_threshold_of_integers_is_none_of_doubles(bound: int, kept: int) -> None:
    x = steep.tensor([-MOST - 1, -3, 2**53, 2**53 + 1, 2**53 + 2, MOST])
    expected = [7] * (6 - kept) + x.tolist()[6 - kept :]
    assert F.threshold(x, bound, 7).tolist() == expected
    assert F.threshold(steep.tensor([-1]), 0, MOST - 1).tolist() == [MOST - 1]


@pytest.mark.parametrize("dtype", [steep.float32, steep.float64])
def test_bins_of_a_range_as_wide_as_its_type(dtype: steep.dtype) -> None:
    """The width of the range is infinite in the type itself."""
    most = steep.finfo(dtype).max
    x = steep.tensor([-most, -most / 2, 0.0, 1.0, most], dtype=dtype)
    assert x.histc(4).tolist() == [1, 1, 2, 1]
    assert steep.tensor([math.inf, 0.0], dtype=dtype).histc(2, -1, 1).tolist() == [0, 1]


def test_bins_of_a_range_that_is_empty_in_its_type() -> None:
    assert steep.ones(3).histc(4, 1.0, 1.0 + 1e-12).tolist() == [3, 0, 0, 0]
    assert steep.ones(3).histc(4, 1.0 - 1e-12, 1.0).tolist() == [0, 0, 0, 3]
    assert steep.full((3,), 1e10).histc(4).tolist() == [0, 0, 3, 0]
    assert steep.full((3,), 1e300, dtype=steep.float64).histc(4).sum() == 3
    assert steep.zeros(3).histc(4, -1e308, 1e308).tolist() == [0, 0, 3, 0]


def test_what_cannot_be_counted_is_refused() -> None:
    """A bin for 2**63 - 1 would be the 2**63rd; nothing is written for it."""
    with pytest.raises(RuntimeError, match=r"bincount: expected integers below 2\*\*63 - 1"):
        steep.bincount(steep.tensor([0, MOST]))
    with pytest.raises(RuntimeError, match="more elements than can be addressed"):
        steep.bincount(steep.tensor([0, 2**60]))


def test_no_class_is_left_out_where_none_is_named() -> None:
    for target in (-MOST - 1, -1, 3, MOST):
        with pytest.raises(IndexError, match=f"Target {target} is out of bounds"):
            F.multi_margin_loss(steep.zeros(1, 3), steep.tensor([target]))
