"""What a recorded call has left objects in that stood in for numbers: numbers are put there, or it
is said that they are not.
"""

from __future__ import annotations

import collections
import functools
import gc
import itertools
import os
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import reason, replays
from steep.compiler import _leaks, _symbolic


class Box:
    """An object whose attributes are set from outside."""


class Slotted:
    __slots__ = ("v",)


SHELF = [Box()]


def shelve(t: Any) -> None:
    """In an object that nothing else has seen: whose `__dict__` is not made yet."""
    made = object.__new__(Box)
    made.v = t
    SHELF[0] = made


def box(t: Any) -> Any:
    made = object.__new__(Box)
    made.v = t
    return made


class Begun:
    def __init__(self, v: Any) -> None:
        self.v = v


def slotted(t: Any) -> Any:
    made = Slotted()
    made.v = t
    return made


# Annotations of this file are strings.
_OF_OBJECTS = "def annotated(t):\n    def function(a: t): pass\n    return function"
_NAMES: dict[str, Any] = {}
exec(compile(_OF_OBJECTS, __file__, "exec", dont_inherit=True), _NAMES)
QUEUE: Any = collections.deque()


def queue(t: Any) -> Any:
    made = QUEUE.copy()
    made.extend([t, (t,)])
    return made


def default(t: Any) -> Any:
    return lambda a=(t, [t]), *, b=t: (a, b)


def ordered(t: Any) -> Any:
    made: Any = collections.OrderedDict(a=0)
    made[t] = 1
    made["b"] = 2
    return made


def cell(t: Any) -> Any:
    return lambda: t


def linked(t: Any) -> Any:
    chain: Any = None
    for _ in range(40):
        chain = (t, chain)
    return chain


def unlinked(chain: Any) -> Any:
    while chain is not None:
        first, chain = chain
        yield first


# How a number is kept, and what is then found.
HOLDERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "unseen attribute": (shelve, lambda held: [SHELF[0].v]),
    "attribute": (box, lambda held: [held.v]),
    "attribute set by __init__": (lambda t: [*map(Begun, [t])], lambda held: [held[0].v]),
    "namespace": (lambda t: types.SimpleNamespace(v=t), lambda held: [held.v]),
    "slot": (slotted, lambda held: [held.v]),
    "frozenset": (lambda t: frozenset([t]), list),
    "set": (lambda t: {t, "a"}, lambda held: [x for x in held if x != "a"]),
    "set of tuples": (lambda t: {(1, (2, t))}, lambda held: [next(iter(held))[1][1]]),
    "slice": (lambda t: slice(t, None), lambda held: [held.start]),
    "method": (lambda t: t.__add__, lambda held: [held.__self__, held(1)]),
    "reflected method": (lambda t: t.__rsub__, lambda held: [held.__self__, held(1)]),
    "method of float": (lambda t: t.is_integer, lambda held: [held.__self__]),
    "key": (lambda t: {t: 1, "a": 2}, lambda held: [next(iter(held))]),
    "key in a tuple": (lambda t: {(1, (t,)): 1}, lambda held: [next(iter(held))[1][0]]),
    "key of an OrderedDict": (ordered, lambda held: [list(held)[1], list(reversed(held))[1]]),
    "key of a Counter": (lambda t: collections.Counter([t]), list),
    "annotation": (_NAMES["annotated"], lambda held: [held.__annotations__["a"]]),
    "defaults": (default, lambda held: [held()[0][0], held()[0][1][0], held()[1]]),
    "closure": (cell, lambda held: [held()]),
    "partial": (lambda t: functools.partial(min, t, k=t), lambda h: [*h.args, h.keywords["k"]]),
    "cache": (lambda t: (f := functools.cache(abs), f(t))[0], lambda held: [held(-2.5)]),
    "error": (lambda t: OSError(t, "x"), lambda held: [held.errno, held.args[0]]),
    "deque": (queue, lambda held: [held[0], held[1][0]]),
    "linked": (linked, lambda held: [*unlinked(held)]),
}


def kept_numbers(keep: Callable[[Any], Any], find: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
    """A compiled function that keeps a number, and what was found of it after each call."""
    kept, found = Box(), []
    kept.held = None

    def step(x: Any, t: float) -> Any:
        kept.held = keep(t * 2)
        return x * t

    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(9):
            assert compiled(steep.ones(2), 4.5 + i).tolist() == [4.5 + i] * 2
            found.append([*find(kept.held)])
    return compiled, found


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The values of all stand-ins that are made."""
    values: list[Any] = []
    symbol = _symbolic.Numbers.symbol

    def counted(self: Any, node: Any, value: Any) -> Any:
        values.append(value)
        return symbol(self, node, value)

    monkeypatch.setattr(_symbolic.Numbers, "symbol", counted)
    return values


@pytest.mark.parametrize("name", HOLDERS)
def test_what_keeps_a_number_has_a_plain_one_after_the_call(name: str, made: list[Any]) -> None:
    compiled, found = kept_numbers(*HOLDERS[name])
    assert made
    for i, numbers in enumerate(found):
        assert numbers
        assert all(type(x) in (int, float) for x in numbers), (i, numbers)
        if name != "cache":
            assert numbers[0] == 2 * (4.5 + i)
    assert (
        "it stores a number that changes between calls in" in reason(compiled)
        or replays(compiled) == 0
    )


CLOSED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "count": (itertools.count, lambda held: [next(held)]),
    "repeat": (itertools.repeat, lambda held: [next(held)]),
    "staticmethod": (staticmethod, lambda held: [held.__func__]),
    "property": (property, lambda held: [held.fget]),
    "deep": (
        lambda t: functools.reduce(lambda inner, _: (inner,), range(100), t),
        lambda held: [functools.reduce(lambda outer, _: outer[0], range(100), held)],
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_cannot_be_changed_keeps_what_behaves_as_the_number(
    name: str, made: list[Any]
) -> None:
    compiled, found = kept_numbers(*CLOSED[name])
    assert made
    assert "it stores a number that changes between calls in" in reason(compiled)
    steps = len(made)
    for i, (number,) in enumerate(found):
        assert isinstance(number, float)
        assert type(number + 1) is type(divmod(number, 2)[0]) is type(-number) is float
        assert number == 2 * (4.5 + i)
        assert steep.full((1,), number).item() == number
    assert len(made) == steps


def _end_at_line(left: list[int], kept: Any) -> Any:
    """A trace function that interrupts what puts numbers into `kept` at one of its lines."""

    def at_line(frame: types.FrameType, event: str, _: Any) -> Any:
        left[0] -= event == "line"
        if left[0] == 0 and event == "line":
            raise KeyboardInterrupt
        return at_line

    def at_call(frame: types.FrameType, event: str, _: Any) -> Any:
        name, file = frame.f_code.co_name, os.path.basename(frame.f_code.co_filename)
        is_one = file == "_leaks.py" and name.startswith(("_replace", "_put"))
        is_one = is_one and name != "_put_into_attributes"
        return at_line if is_one and frame.f_locals.get("holder") is kept else None

    return at_call


def ends_at_line(time: int, kept: Any, hold: Callable[[Any], Any]) -> bool:
    """Whether a call with stand-ins was ended at such a line."""

    def step(x: Any, t: float) -> Any:
        hold(t * 2)
        return x * t

    compiled, before, left = steep.compile(step), sys.gettrace(), [time]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(5):
            compiled(steep.ones(1), 1.5 + i)
        sys.settrace(_end_at_line(left, kept))
        try:
            compiled(steep.ones(1), 7.5)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
    return False


@pytest.mark.parametrize("kind", [dict, collections.OrderedDict, set])
def test_keys_are_exchanged_all_at_once(kind: Any) -> None:
    for time in itertools.count(1):
        kept = kind.fromkeys("ab") if kind is not set else {"a", "b"}
        ended = ends_at_line(time, kept, kept.add if kind is set else kept.setdefault)
        assert len(kept) == 8, time
        assert {*kept} == {"a", "b", 3.0, 5.0, 7.0, 9.0, 11.0, 15.0}
        assert [*kept][:2] == ["a", "b"] or kind is set
        assert all(type(key) in (str, float) for key in kept)
        if not ended:
            break
    assert time > 5


@pytest.mark.parametrize("kind", [dict, collections.OrderedDict, collections.Counter, set])
def test_exchanged_keys_keep_their_order(kind: Any) -> None:
    keys = [object() for _ in range(50)]
    others = {id(key): i for i, key in enumerate(keys) if i % 3 == 0}
    held = kind(keys) if kind is set else kind({key: i for i, key in enumerate(keys)})
    for key in keys[1:20:2]:
        held.remove(key) if kind is set else held.pop(key)
    wanted = [others.get(id(key), key) for key in held]
    steep._core.exchange_keys(held, others)
    if kind is set:
        assert held == {*wanted}
    else:
        assert [*held] == wanted
        assert [*held.values()] == [*range(1), *range(2, 20, 2), *range(20, 50)]
    if kind is collections.OrderedDict:
        assert [*reversed(held)] == wanted[::-1]
        held.move_to_end(0)
        assert [*held] == [*wanted[1:], 0]


def test_a_key_that_refuses_its_hash_leaves_all_as_it_is() -> None:
    class Key:
        refuses = False

        def __hash__(self) -> int:
            if self.refuses:
                raise KeyboardInterrupt
            return 1

    for kind in (dict, collections.OrderedDict):
        key, old = Key(), object()
        held = kind({old: 1, key: 2, "c": 3})
        key.refuses = True
        with pytest.raises(KeyboardInterrupt):
            steep._core.exchange_keys(held, {id(old): 5})
        key.refuses = False
        assert [*held] == [old, key, "c"]
    key = Key()
    held = {key}
    key.refuses = True
    with pytest.raises(KeyboardInterrupt):
        steep._core.exchange_keys(held, {id(old): 5})
    key.refuses = False
    assert [*held] == [key]


@pytest.mark.parametrize("args", [(), ({},), ([], {}), ({}, []), (frozenset(), {})])
def test_keys_of_dicts_and_sets_alone_are_exchanged(args: Any) -> None:
    with pytest.raises(TypeError, match=r"exchange_keys: expected \(dict or set, dict\)"):
        steep._core.exchange_keys(*args)


def test_the_collector_is_asked_once_for_all_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    asked = []
    find = gc.get_referrers

    def counted(*items: Any) -> Any:
        asked.append(len(items))
        ids = [*map(id, items)]  # the tuples by which they come here hold them, too
        return [x for x in find(*items) if type(x) is not tuple or [*map(id, x)] != ids]

    @steep.compile
    def step(x: Any, t: float) -> Any:
        kept[:] = [Box() for _ in range(300)]
        for i, each in enumerate(kept):
            each.v = t + i
        return x * t

    monkeypatch.setattr(_leaks.gc, "get_referrers", counted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(8):
            step(steep.ones(1), 4.5 + i)
            assert [each.v for each in kept] == [4.5 + i + n for n in range(300)]
            assert all(type(each.v) is float for each in kept)
    assert max(asked) == 300
    assert len(asked) < 10


def test_tuples_too_deep_to_be_compared_count_as_changed() -> None:
    def nested() -> Any:
        return functools.reduce(lambda inner, _: (inner,), range(3000), 1.5)

    def depth(n: int = 0) -> int:
        try:
            return depth(n + 1)
        except RecursionError:
            return n

    state = types.SimpleNamespace(log=nested(), t=1)
    before = depth()

    @steep.compile
    def step(x: Any) -> Any:
        state.t += 1
        return x * state.t if state.log else x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(12):
            assert step(steep.ones(1)).item() == i + 2
            state.log = nested()
    assert depth() == before


def test_a_key_that_stands_for_a_number_is_returned_as_that() -> None:
    @steep.compile
    def step(x: Any, t: float, k: float) -> Any:
        return {k: x * t, (k, 2): t}

    for i in range(9):
        result = step(steep.ones(1), 4.5 + i, 7.0)
        assert [*map(repr, result)] == ["7.0", "(7.0, 2)"]
        assert all(type(key) is float for key in (next(iter(result)), [*result][1][0]))
        assert [*result.values()][1] == result[7.0].item() == 4.5 + i
    assert replays(step) > 0


def test_thousands_of_steps_are_left_to_the_function() -> None:
    @steep.compile
    def step(x: Any, t: float, n: int) -> Any:
        total = t
        for _ in range(n):
            total = total * 0.75 + t
        return x * total

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(8):
            step(steep.ones(1), 4.5 + i, 20)
        assert replays(step) > 0
        for i in range(8):
            step(steep.ones(1), 4.5 + i, 5000)
    assert "which a replay would not speed up" in reason(step)
