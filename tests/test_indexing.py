"""Subscripts: a 0-d tensor of integers stands for the number it holds, wherever it stands."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep

NUMBERS: dict[str, Callable[[], Any]] = {
    "int64": lambda: steep.tensor(1),
    "int32": lambda: steep.tensor(1, dtype=steep.int32),
    "array": lambda: np.asarray(1),
}
OTHERS: dict[str, Callable[[], Any]] = {
    "int": lambda: 0,
    "slice": lambda: slice(None),
    "none": lambda: None,
    "ellipsis": lambda: ...,
    "list": lambda: [0, 1, 0],
    "vector": lambda: steep.tensor([1, 0, 1]),
    "truth": lambda: True,
    "mask": lambda: steep.tensor([True, False]),
}
by_number = pytest.mark.parametrize("number", sorted(NUMBERS))


def mixtures() -> list[tuple[str, ...]]:
    """Up to three kinds of items beside a number, which stands at every place among them."""
    kinds = [k for n in range(4) for k in itertools.product(OTHERS, repeat=n)]
    kinds = [k for k in kinds if k.count("ellipsis") <= 1]
    return [(*k[:at], "number", *k[at:]) for k in kinds for at in range(len(k) + 1)]


def keys(number: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """Indices with `number` in them, each beside the same one with the integer 1."""

    def key(kinds: tuple[str, ...], one: Any) -> tuple[Any, ...]:
        return tuple(one if k == "number" else OTHERS[k]() for k in kinds)

    return [(kinds, (key(kinds, number), key(kinds, 1))) for kinds in mixtures()]


def base() -> Any:
    return steep.arange(64.0).view(2, 2, 2, 2, 4)


def outcome(use: Callable[[], Any]) -> Any:
    """What comes of it: shape and values, or the class of the error."""
    try:
        result = use()
    except (IndexError, RuntimeError) as error:
        return type(error)
    return tuple(result.shape), result.tolist()


@by_number
def test_reading_is_that_of_the_integer(number):
    for kinds, (key, plain) in keys(NUMBERS[number]()):
        assert outcome(lambda k=key: base()[k]) == outcome(lambda k=plain: base()[k]), kinds


@by_number
def test_writing_is_that_of_the_integer(number):
    def written(key: Any) -> Any:
        x = base()
        x[key] = steep.arange(4.0) - 9
        return x

    for kinds, (key, plain) in keys(NUMBERS[number]()):
        assert outcome(lambda k=key: written(k)) == outcome(lambda k=plain: written(k)), kinds


def test_dimensions_stay_in_their_order():
    x, at = base(), steep.tensor([0, 1, 0])
    assert x[steep.tensor(0), :, at].shape == (2, 3, 2, 4)
    x[steep.tensor(0), :, at] = steep.zeros(2, 3, 2, 4)
    assert x[0].sum() == 0


@by_number
def test_it_makes_a_view(number):
    x = base()
    x[NUMBERS[number]()].zero_()
    x[0, NUMBERS[number]()][..., 0] = -1
    assert x[1].sum() == 0
    assert x[0, 1, :, :, 0].tolist() == [[-1, -1], [-1, -1]]


def test_gradient_of_a_view_by_tensor():
    x = steep.zeros(3, 2, requires_grad=True)
    (x[steep.tensor(1)] * steep.tensor([2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[0, 0], [2, 3], [0, 0]]


def test_out_of_bounds_names_the_dimension():
    with pytest.raises(IndexError, match="index 7 is out of bounds for dimension 1 with size 2"):
        base()[0, steep.tensor(7)]


def test_bytes_of_no_dimension_stay_a_mask():
    x = steep.arange(3)
    assert x[steep.tensor(1, dtype=steep.uint8)].tolist() == [[0, 1, 2]]
    assert x[steep.tensor(0, dtype=steep.uint8)].shape == (0, 3)
