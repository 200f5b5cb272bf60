"""The garbage collector runs at any allocation, that of a call that is recorded too."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steep
from compiling import called, ones, reason, replays
from test_stress import together

CALLS = 6


def names() -> list[str]:
    return [getattr(one, "__name__", "") for one in gc.callbacks]


def others() -> list[Any]:
    """The callbacks but for the two of recordings."""
    named = zip(gc.callbacks, names(), strict=True)
    return [one for one, name in named if not name.startswith("collection_")]


@pytest.fixture(autouse=True)
def _callbacks_stay() -> Iterator[None]:
    before = others()
    yield
    assert others() == before


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


@pytest.mark.usefixtures("often")
def test_a_collection_whose_end_is_not_seen_ends_the_recording() -> None:
    """What has run since is not known."""
    before = list(gc.callbacks)

    def clears(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            gc.callbacks.clear()

    def adds(x: Any) -> Any:
        gc.callbacks.insert(1, clears)
        return work(x)

    compiled = steep.compile(adds)
    try:
        assert results(compiled) == [[1000.0] * 2] * CALLS
    finally:
        gc.callbacks[:] = before
    assert "gc.callbacks was changed" in reason(compiled)


def test_callbacks_that_come_later_are_no_part_either(add_callback: Any) -> None:
    """Two stand around all others when a recording begins, and stay there."""
    compiled = steep.compile(lambda x: x + 1)
    for _ in range(3):
        called(compiled, ones())
        found = names()
        assert [name for name in found if name.startswith("collection_")] == [found[0], found[-1]]
        add_callback(lambda phase, info: time.perf_counter())
        gc.callbacks.insert(0, gc.callbacks.pop())
        compiled = steep.compile(lambda x: x + 2)


def test_threads_record_while_others_collect(add_callback: Any) -> None:
    """None passes over a callback because another has changed the list."""
    phases: dict[int, list[str]] = {}
    add_callback(lambda phase, info: phases.setdefault(threading.get_ident(), []).append(phase))

    def record() -> None:
        for _ in range(20):
            compiled = steep.compile(work)
            called(compiled, ones(), calls=3)
            assert compiled.programs(), compiled.explain()

    def drop() -> None:
        for _ in range(300):
            work(ones())
            gc.collect(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        together(record, record, drop)
    finally:
        sys.setswitchinterval(interval)
    for seen in phases.values():
        assert seen == ["start", "stop"] * (len(seen) // 2)
