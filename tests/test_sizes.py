"""Sizes, strides and offsets that 64 bits cannot hold: refused, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep

HUGE = 2**40  # two of them multiply beyond 64 bits
WRAP = 2**32  # two of them multiply to 0 in 64 bits
MOST = 2**63 - 1

REFUSED: dict[str, Callable[[], Any]] = {
    "view": lambda: steep.empty(0).view(WRAP, WRAP),
    "view with a zero": lambda: steep.empty(0).view(0, HUGE, HUGE),
    "view to -1": lambda: steep.ones(1).view(-1, WRAP, WRAP),
    "reshape": lambda: steep.empty(0).reshape(WRAP, WRAP),
    "reshape to one element": lambda: steep.ones(1).reshape(MOST, MOST),
    "unflatten": lambda: steep.empty(0).unflatten(0, (WRAP, WRAP)),
    "expand": lambda: steep.ones(1).expand(HUGE, HUGE),
    "expand of many": lambda: steep.ones(3).expand(HUGE, HUGE, 3),
    "broadcast_to": lambda: steep.ones(1).broadcast_to((WRAP, WRAP)),
    "as_strided": lambda: steep.ones(1).as_strided((HUGE, HUGE), (0, 0)),
    "as_strided's offset": lambda: steep.ones(4).as_strided((2, 2), (1, 1), MOST),
    "as_strided's extent": lambda: steep.ones(4).as_strided((2, 2), (MOST, MOST)),
    "empty": lambda: steep.empty(HUGE, HUGE),
    "zeros": lambda: steep.zeros(WRAP, WRAP),
    "ones of bytes": lambda: steep.ones(2**62, dtype=steep.uint8),
    "full": lambda: steep.full((WRAP, WRAP), 1.0),
    "a zero among sizes": lambda: steep.empty(HUGE, HUGE, 0),
    "a zero before sizes": lambda: steep.empty(0, HUGE, HUGE),
    "eye": lambda: steep.eye(WRAP),
    "Tensor": lambda: steep.Tensor(WRAP, WRAP),
    "linspace": lambda: steep.linspace(0, 1, MOST),
    "arange": lambda: steep.arange(-(2**63), MOST),
    "arange of floats": lambda: steep.arange(0, 1e30),
    "arange of small steps": lambda: steep.arange(0, 10, 1e-300),
    "rand": lambda: steep.rand(WRAP, WRAP),
    "randint": lambda: steep.randint(2, (WRAP, WRAP)),
    "randperm": lambda: steep.randperm(-(2**63)),
    "repeat": lambda: steep.ones(1).repeat(HUGE, HUGE),
    "repeat of sizes": lambda: steep.ones(4).repeat(2**62),
    "tile": lambda: steep.ones(1).tile((WRAP, WRAP)),
    "cat": lambda: steep.cat([steep.ones(1).expand(2**59)] * 32),
    "stack": lambda: steep.stack([steep.ones(1).expand(2**59)] * 32),
    "split": lambda: steep.ones(2).split([2**62, 2**62, 2**62, 2**62 + 2]),
    "narrow": lambda: steep.ones(2).narrow(0, 1, MOST),
    "chunk of nothing": lambda: steep.empty(0).chunk(MOST),
    "sums that broadcast": lambda: steep.ones(1).expand(HUGE, 1) + steep.ones(1).expand(1, HUGE),
    "one_hot": lambda: steep.nn.functional.one_hot(steep.tensor([1]), 2**62),
    "one_hot of the largest": lambda: steep.nn.functional.one_hot(steep.tensor([MOST])),
    "unsqueeze": lambda: steep.ones(1).as_strided((0, 3), (1, 2**62)).unsqueeze(1),
    "a row beyond": lambda: steep.ones(1).as_strided((3, 0), (2**62, 1))[2],
    "from_numpy": lambda: steep.from_numpy(_endless()),
}


def _endless() -> Any:
    return np.lib.stride_tricks.as_strided(np.ones(1, np.uint8), (2**31, 2**31), (0, 0))


@pytest.mark.parametrize("name", REFUSED)
def test_a_size_that_wraps_around_is_refused(name: str) -> None:
    with pytest.raises(RuntimeError):
        REFUSED[name]()


def test_the_reason_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"view: shape .* has more elements than 64 bits"):
        steep.empty(0).view(WRAP, WRAP)
    with pytest.raises(RuntimeError, match=r"shape \[1099511627776, 1099511627776\] has more"):
        steep.ones(1).expand(HUGE, HUGE)
    with pytest.raises(RuntimeError, match=r"must fit into 64 bits, got 4611686018427387904 \* 4"):
        steep.ones(4).repeat(2**62)


def test_large_windows_without_memory_of_their_own_are_fine() -> None:
    x = steep.ones(1).expand(HUGE)
    assert x.shape == (HUGE,)
    assert x[HUGE - 1].item() == 1.0
    assert x[-3:].tolist() == [1.0, 1.0, 1.0]
    assert x.view(2**20, 2**20)[5, 7].item() == 1.0
    assert steep.ones(1).as_strided((1,), (2**62,)).tolist() == [1.0]


def test_numbers_at_the_end_of_64_bits_keep_their_meaning() -> None:
    x = steep.ones(5)
    assert [len(part) for part in x.chunk(MOST)] == [1] * 5
    assert [len(part) for part in x.split(MOST)] == [5]
    assert steep.eye(0, 2**50).shape == (0, 2**50)
    assert steep.randint(-(2**63), MOST, (2,)).shape == (2,)
    with pytest.raises(IndexError):
        x.sum(dim=MOST)
    with pytest.raises(IndexError):
        x[MOST]


def test_strides_of_a_single_element_do_not_count_in_bytes() -> None:
    x = steep.ones(4).as_strided((1, 2), (2**62, 1))
    assert x.numpy().tolist() == [[1.0, 1.0]]
    assert memoryview(x).tolist() == [[1.0, 1.0]]


def test_numel_of_a_size_is_refused_where_it_wraps() -> None:
    with pytest.raises(RuntimeError, match="64 bits"):
        steep.Size([WRAP, WRAP]).numel()


# A function of the giant, for every way a number of Python's comes in.
GIANTS: dict[str, Callable[[int], Any]] = {
    "size": lambda n: steep.zeros(n),
    "sizes": lambda n: steep.zeros((2, n)),
    "Tensor": lambda n: steep.Tensor(n),
    "dim": lambda n: steep.ones(2).sum(n),
    "dims": lambda n: steep.ones(2).sum((0, n)),
    "size of one dimension": lambda n: steep.ones(2).size(n),
    "stride": lambda n: steep.ones(2).as_strided((2,), (n,)),
    "offset": lambda n: steep.ones(2).as_strided((2,), (1,), n),
    "index": lambda n: steep.ones(2)[n],
    "index in a tuple": lambda n: steep.ones(2, 2)[0, n],
    "index in a list": lambda n: steep.ones(2)[[n]],
    "assigned index": lambda n: steep.ones(2).__setitem__(n, 1.0),
    "assigned number": lambda n: steep.ones(2).__setitem__(0, n),
    "narrow": lambda n: steep.ones(2).narrow(0, n, 1),
    "operand": lambda n: steep.ones(2) + n,
    "integer operand": lambda n: steep.tensor([1, 2]) * n,
    "operand on the left": lambda n: n - steep.ones(2),
    "comparison": lambda n: steep.tensor([1, 2]) < n,
    "in-place operand": lambda n: steep.ones(2).mul_(n),
    "alpha": lambda n: steep.ones(2).add(1, alpha=n),
    "bound": lambda n: steep.tensor([1, 2]).clamp(max=n),
    "value": lambda n: steep.full((2,), n),
    "filler": lambda n: steep.ones(2).fill_(n),
    "choice": lambda n: steep.where(steep.tensor(True), n, 1),
    "data": lambda n: steep.tensor([1, n]),
    "end of a range": lambda n: steep.arange(n),
    "steps": lambda n: steep.linspace(0, 1, n),
    "random bound": lambda n: steep.randint(n, (2,)),
    "count of classes": lambda n: steep.nn.functional.one_hot(steep.tensor([1]), n),
    "repetition": lambda n: steep.ones(2).repeat(n),
    "roll": lambda n: steep.ones(2).view(n, -1),
    "membership": lambda n: n in steep.tensor([1, 2]),
}


@pytest.mark.parametrize("giant", [2**63, 2**64, 2**64 + 1, 2**70, -(2**63) - 1, -(2**70)])
@pytest.mark.parametrize("name", GIANTS)
def test_an_int_beyond_64_bits_is_refused(name: str, giant: int) -> None:
    with pytest.raises((OverflowError, RuntimeError, ValueError), match=r"64 bits"):
        GIANTS[name](giant)


def test_the_error_of_an_int_beyond_64_bits_names_the_function() -> None:
    with pytest.raises(OverflowError, match=r"zeros\(\): expected an int .*, got 18446744073709"):
        steep.zeros(2, 2**64)
    with pytest.raises(OverflowError, match=r"narrow\(\): .*, got one of many digits"):
        steep.ones(2).narrow(0, 10**5000, 1)


def test_an_int_beyond_64_bits_is_a_float_where_one_is_wanted() -> None:
    assert steep.tensor([2**70], dtype=steep.float64).tolist() == [2.0**70]
    assert steep.nn.functional.leaky_relu(steep.tensor([-1.0]), 2**70).tolist() == [-(2.0**70)]
    assert steep.ones(3)[2**70 :].tolist() == []


def test_the_largest_tensors_have_bytes_that_can_be_counted() -> None:
    """Expanded, so that they take no memory."""
    most = steep.zeros(1, dtype=steep.float64).expand(2**59)
    assert most.nbytes == 2**62
    with pytest.raises(RuntimeError, match="more elements than can be addressed"):
        steep.zeros(1, dtype=steep.float64).expand(2**60)
