"""The garbage collector runs at any allocation, that of a call that is recorded too."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steep
from compiling import ones, reason, replays

CALLS = 6


@pytest.fixture(autouse=True)
def _callbacks_stay() -> Iterator[None]:
    before = list(gc.callbacks)
    yield
    assert gc.callbacks == before


@pytest.fixture
def often() -> Iterator[None]:
    """The collector runs in every call that makes some objects."""
    thresholds = gc.get_threshold()
    gc.set_threshold(50, 1, 1)
    yield
    gc.set_threshold(*thresholds)


@pytest.fixture
def add_callback() -> Iterator[Callable[[Any], None]]:
    added: list[Any] = []

    def add(callback: Any) -> None:
        added.append(callback)
        gc.callbacks.append(callback)

    yield add
    for callback in added:
        gc.callbacks.remove(callback)


def work(x: Any) -> Any:
    kept = [[i] for i in range(1000)]
    return x * len(kept)


def results(compiled: Any) -> list[Any]:
    """Of a function that is not replayed, and says so."""
    with pytest.warns(UserWarning, match="eagerly"):
        return [compiled(ones()).tolist() for _ in range(CALLS)]


@pytest.mark.usefixtures("often")
def test_callbacks_of_others_are_no_part_of_the_function(add_callback: Any) -> None:
    """Such as hypothesis's, which reads the clock; one that draws numbers, one that counts."""
    phases: list[str] = []

    def callback(phase: str, info: dict[str, int]) -> None:
        time.perf_counter()
        phases.append(phase)

    add_callback(callback)
    compiled = steep.compile(work)
    for i in range(CALLS):
        assert compiled(ones(i)).tolist() == [1000.0 * i] * 2
    assert replays(compiled) > 0, compiled.explain()
    assert len(phases) > CALLS


@pytest.mark.usefixtures("often")
def test_finalisers_of_others_are_no_part_of_the_function() -> None:
    ended: list[float] = []

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            ended.append(time.perf_counter())

    compiled = steep.compile(work)
    for i in range(CALLS):
        Cycle()
        assert compiled(ones(i)).tolist() == [1000.0 * i] * 2
    gc.collect()
    assert len(ended) == CALLS
    assert replays(compiled) > 0, compiled.explain()


def test_what_a_function_that_collects_calls_is_a_part_of_it(add_callback: Any) -> None:
    add_callback(lambda phase, info: time.perf_counter())

    def collects(x: Any) -> Any:
        gc.collect()
        return x + 1

    compiled = steep.compile(collects)
    assert results(compiled) == [[2.0] * 2] * CALLS
    assert "reads the clock" in reason(compiled)


def test_a_function_that_removes_callbacks_is_not_recorded(add_callback: Any) -> None:
    before = list(gc.callbacks)

    def removes(x: Any) -> Any:
        gc.callbacks[:] = before
        return x + 1

    compiled = steep.compile(removes)
    assert results(compiled) == [[2.0] * 2] * CALLS
    assert not replays(compiled)


def test_an_exception_leaves_the_callbacks_as_they_were() -> None:
    def fails(x: Any) -> Any:
        raise KeyError("mine")

    compiled = steep.compile(fails)
    before = list(gc.callbacks)
    for _ in range(CALLS):
        with pytest.raises(KeyError, match="mine"):
            compiled(ones())
        assert gc.callbacks == before
