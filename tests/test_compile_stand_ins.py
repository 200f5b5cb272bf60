"""What stands in for numbers while a function is recorded stays inside: none of it leaks."""

from __future__ import annotations

import collections
import json
import types
import warnings
from typing import Any

import numpy as np
import pytest

import steep
from compiling import reason, replays
from numbers_support import Keeper
from steep.compiler import _symbolic


@pytest.mark.parametrize(
    "use",
    [json.dumps, lambda t: np.sqrt(t), lambda t: np.float64(t), type, lambda t: np.array([t])],
)
@pytest.mark.filterwarnings("ignore")
def test_other_libraries_never_meet_a_stand_in(use: Any) -> None:
    keeper, seen = Keeper(), []

    def step(x: Any, rate: float) -> Any:
        keeper.rate *= 0.9
        seen.append((type(use(keeper.rate)), repr(use(rate))))
        return x * 2

    compiled = steep.compile(step)
    for i in range(20):
        compiled(steep.ones(1), 0.1 * i)
    assert seen == [(type(use(0.5)), repr(use(0.1 * i))) for i in range(20)]
    assert "accepts only plain numbers" in reason(compiled)


def test_no_stand_in_is_left_behind() -> None:
    keeper, other = Keeper(), types.SimpleNamespace(last=0.0, all=[])

    def step(x: Any, rate: float) -> Any:
        keeper.t += 1
        other.last = keeper.t * rate
        if other.last > 4:
            raise ValueError(f"too much: {other.last}")
        return x * rate, {"t": keeper.t, "rate": [rate]}

    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(14):
            rate = 0.3 + 0.01 * i
            if (i + 1) * rate > 4:
                with pytest.raises(ValueError, match="too much"):
                    compiled(steep.ones(1), rate)
            else:
                _, numbers = compiled(steep.ones(1), rate)
                assert numbers == {"t": i + 1, "rate": [rate]}
                assert type(numbers["t"]) is int
                assert type(numbers["rate"][0]) is float
            assert type(keeper.t) is int
            assert keeper.t == i + 1
            assert type(other.last) is float
    assert replays(compiled) > 0


def test_what_an_error_carries_is_a_plain_number() -> None:
    def step(x: Any, t: float) -> Any:
        if t > 8:
            raise ValueError("too large", t, [t])
        return x * t

    compiled = steep.compile(step)
    for i in range(12):
        carried = []
        try:
            compiled(steep.ones(1), 0.5 + i)
        except ValueError as error:
            carried = [error.args[1], error.args[2][0]]
        assert [type(x) for x in carried] == [float] * (2 if i > 7 else 0)
    assert replays(compiled) > 0


def heap(kept: Any, t: Any) -> None:
    kept.items = [(t, "job"), *kept.items]


def queue(kept: Any, t: Any) -> None:
    kept.queue.append(t + 1)


def key(kept: Any, t: Any) -> None:
    kept.table = {**kept.table, t: "seen"}


def member(kept: Any, t: Any) -> None:
    kept.members.add(t)


def attribute_of_a_class(kept: Any, t: Any) -> None:
    kept.__class__.last = t * 2


def default_of_a_function(kept: Any, t: Any) -> None:
    kept.function = lambda rate=t: rate


LEAKS = [heap, queue, key, member, attribute_of_a_class, default_of_a_function]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
@pytest.mark.filterwarnings("ignore")
def test_what_keeps_a_number_keeps_a_plain_one(leak: Any, monkeypatch: Any) -> None:
    class Kept:
        last = 0

    def plain(kept: Any) -> str:
        default = kept.function.__defaults__[0] if kept.function else None
        found = [kept.items, list(kept.queue), kept.table, kept.members, Kept.last, default]
        return f"{found} {[type(x) for x in [*kept.queue, *kept.members, *kept.table]]}"

    kept = Kept()
    kept.items, kept.table, kept.function = [], {}, None
    kept.queue, kept.members = collections.deque(), set()
    made, symbol = [], _symbolic.Numbers.symbol

    def counted(self: Any, node: Any, value: Any) -> Any:
        made.append(value)
        return symbol(self, node, value)

    monkeypatch.setattr(_symbolic.Numbers, "symbol", counted)

    def step(x: Any, t: float) -> Any:
        leak(kept, t)
        return x * t

    compiled, seen = steep.compile(step), []
    for i in range(8):
        assert compiled(steep.ones(1), 4.5 + i).item() == 4.5 + i
        seen.append(plain(kept))
    assert made
    assert "Symbolic" not in str(seen)
    others, kept.items, kept.table = seen, [], {}
    kept.queue.clear(), kept.members.clear()
    seen = []
    for i in range(8):
        step(steep.ones(1), 4.5 + i)
        seen.append(plain(kept))
    assert seen == others
    assert "it stores a number that changes between calls in" in reason(compiled)


@pytest.mark.parametrize(
    "leak", [queue, member, attribute_of_a_class], ids=lambda leak: leak.__name__
)
def test_where_a_number_is_kept_is_said(leak: Any) -> None:
    class Kept:
        last = 0

    kept = Kept()
    kept.items, kept.table, kept.function = [], {}, None
    kept.queue, kept.members = collections.deque(), set()
    compiled = steep.compile(lambda x, rate: (leak(kept, rate), x * rate)[1])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(12):
            compiled(steep.ones(1), 0.1 + 0.013 * i)
    said = [str(warning.message) for warning in caught]
    assert len(said) == 1
    assert f"{__file__}:{leak.__code__.co_firstlineno + 1}: " in said[0]
