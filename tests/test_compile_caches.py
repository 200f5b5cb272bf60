"""Functions with `functools.cache`: what they keep is followed like any other container."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import is_followed, ones, reason, replays


class Window:
    """Whose method keeps its results, as those that make masks do."""

    def __init__(self) -> None:
        self.width = 1.0

    @functools.cache  # noqa: B019
    def of(self, size: int) -> Any:
        return steep.full((size,), self.width)

    @functools.lru_cache(maxsize=2)  # noqa: B019
    def among_few(self, size: int) -> Any:
        return [self.width] * size


def cleared() -> Any:
    window = Window()

    def change() -> None:
        window.width = 3.0
        Window.of.cache_clear()

    return (lambda x: x * window.of(2)), change


def cleared_and_filled() -> Any:
    """As often as before, so that its statistics are the same."""
    state = types.SimpleNamespace(width=1.0)
    cached = functools.cache(lambda size: steep.full((size,), state.width))

    def change() -> None:
        state.width = 3.0
        cached.cache_clear()
        cached(2)

    return (lambda x: x * cached(2)), change


def filled_without_saying_what_it_wraps() -> Any:
    state = types.SimpleNamespace(width=1.0)
    cached = functools.cache(lambda size: size * state.width)
    del cached.__wrapped__

    def change() -> None:
        state.width = 3.0
        cached.cache_clear()
        cached(2)

    return (lambda x: x * cached(2)), change


def result_changed() -> Any:
    window = Window()

    def change() -> None:
        window.among_few(2)[0] = 5.0

    return (lambda x: x * window.among_few(2)[0]), change


@pytest.mark.parametrize(
    "make", [cleared, cleared_and_filled, filled_without_saying_what_it_wraps, result_changed]
)
def test_what_a_cache_holds_is_followed(make: Callable[[], Any]) -> None:
    Window.among_few.cache_clear()
    is_followed(make)


@pytest.mark.filterwarnings("ignore:compile")
def test_results_that_were_replaced_and_came_back_are_not_taken_for_the_old_ones() -> None:
    state = types.SimpleNamespace(width=1.0)

    @functools.lru_cache(maxsize=2)
    def cached(size: int) -> Any:
        return steep.full((2,), size * state.width)

    compiled = steep.compile(lambda x: x + cached(1) - cached(2))
    for _ in range(4):
        assert compiled(ones()).tolist() == [0.0, 0.0]
    state.width = 1.5
    assert compiled(ones()).tolist() == [0.0, 0.0]  # they are kept
    cached(5), cached(6)
    for _ in range(4):
        assert compiled(ones()).tolist() == [-0.5, -0.5]
    assert "whose cache is full (maxsize=2)" in reason(compiled)


@pytest.mark.filterwarnings("ignore:compile")
def test_a_call_that_adds_to_a_cache_runs() -> None:
    """Whoever asks later must find the results there."""
    ran: list[int] = []

    @functools.cache
    def cached(number: int) -> float:
        ran.append(number)
        return float(number)

    numbers = {"n": 0}

    def function(x: Any) -> Any:
        numbers["n"] += 1
        return x * cached(numbers["n"])

    compiled = steep.compile(function)
    for i in range(1, 12):
        assert compiled(ones()).tolist() == [float(i)] * 2
    assert ran == [*range(1, 12)]
    assert reason(compiled)


def test_a_cache_need_not_say_what_it_wraps() -> None:
    cached = functools.cache(lambda number: number * 1.5)
    del cached.__wrapped__
    compiled = steep.compile(lambda x, t: x * t * cached(2))
    for i in range(9):
        assert compiled(ones(), 4.5 + i).tolist() == [(4.5 + i) * 3.0] * 2
    assert replays(compiled)
