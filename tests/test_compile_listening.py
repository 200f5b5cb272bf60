"""The listener of a recording: what ends it, what disturbs it, and what it cannot look into."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import steep
from compiling import Make, is_followed, ones, settle
from steep import _core, nn
from steep._layers import follow, unfollow
from steep.compiler._cells import DICT, ITEM, SEQUENCE, Cells
from steep.compiler._reads import Reads
from steep.compiler._traversal import Traversal

DATES = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
OBJECTS = np.array([object(), 3], dtype=object)
LARGE = np.zeros(100_000)
LONG = list(range(5000))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError, MemoryError])
def test_an_error_while_recording_ends_it(error: type[BaseException]) -> None:
    calls = []

    def function(x: Any) -> Any:
        if len(calls) in (1, 2):
            raise error("now")
        return 2 * x

    def step(x: Any) -> Any:
        try:
            return compiled(x)
        finally:
            calls.append(x)

    compiled = steep.compile(function)
    step(ones())
    for _ in range(2):
        with pytest.raises(error, match="now"):
            step(ones())
        assert sys.getprofile() is None
        assert not _core.is_recording()
    settle(compiled, ones(3))
    assert compiled(ones(4)).tolist() == [8.0, 8.0]
    assert compiled.programs()[0].runs > 0


def test_what_goes_wrong_in_the_listener_is_no_error_of_the_function(monkeypatch: Any) -> None:
    def fail(*given: Any) -> None:
        raise ZeroDivisionError("a mistake of its own")

    def function(x: Any) -> Any:
        monkeypatch.setattr(Traversal, "look_into", fail)
        return steep.relu(helper(x))

    def helper(x: Any) -> Any:
        return 2 * x

    compiled = steep.compile(function)
    compiled(ones())
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="what it reads cannot be tracked: a mistake of its own"):
        assert compiled(ones()).tolist() == [2.0, 2.0]


def test_a_profiler_set_inside_stays_and_keeps_the_function_eager() -> None:
    def profiler(*event: Any) -> None:
        pass

    def function(x: Any) -> Any:
        sys.setprofile(profiler)
        return 2 * x

    compiled = steep.compile(function)
    try:
        compiled(ones())
        sys.setprofile(None)
        with pytest.warns(UserWarning, match="runs eagerly"):
            compiled(ones())
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert not compiled.programs()


@pytest.mark.filterwarnings("ignore:compile. .*profiler was set during the call")
def test_a_profiler_may_be_taken_off_for_a_while_inside() -> None:
    """As libraries do around code that they do not want to be counted."""

    def function(x: Any) -> Any:
        kept = sys.getprofile()
        sys.setprofile(None)
        y = 2 * x
        sys.setprofile(kept)
        profilers.append(kept)
        return y + 1

    profilers: list[Any] = []
    compiled = steep.compile(function)
    for _ in range(5):
        assert compiled(ones()).tolist() == [3.0, 3.0]
        assert sys.getprofile() is None
    assert not compiled.programs()
    late = next(profiler for profiler in profilers if profiler is not None)
    sys.setprofile(late)  # the recording is over: it is no one's now
    len([])
    assert sys.getprofile() is None
    threading.setprofile(late)
    try:
        thread = threading.Thread(target=len, args=([],))
        thread.start()
        thread.join()
    finally:
        threading.setprofile(None)


@pytest.mark.parametrize("error", [MemoryError, KeyError, ValueError("a mistake"), KeyError("k")])
def test_errors_of_the_listener_are_named(error: Any, monkeypatch: Any) -> None:
    def fail(*given: Any) -> None:
        raise error

    def function(x: Any) -> Any:
        monkeypatch.setattr(Traversal, "look_into", fail)
        return helper(x)

    def helper(x: Any) -> Any:
        return 2 * x

    compiled = steep.compile(function)
    compiled(ones())
    text = {MemoryError: "there was not enough memory", KeyError: "be tracked: KeyError"}
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=text.get(error, str(error))):
        assert compiled(ones()).tolist() == [2.0, 2.0]


UNWATCHED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "dates": (lambda x: x * len(DATES), "a ndarray of objects or dates \\(DATES\\)"),
    "objects": (lambda x: x * len(OBJECTS), "a ndarray of objects or dates \\(OBJECTS\\)"),
    "a large array": (lambda x: x * len(LARGE), "of 800000 bytes, too large to be tracked"),
    "a long list": (lambda x: x * len(LONG), "a list of 5000 items, too large to be tracked"),
    "a thread's own": (lambda x: x * LOCAL.factor, "thread-local variables \\(LOCAL\\)"),
    "modules by name": (
        lambda x: x * len(sys.modules["math"].__name__),
        "looks up modules in sys.mod",
    ),
}
LOCAL = threading.local()
LOCAL.factor = 2


@pytest.mark.parametrize("what", UNWATCHED)
def test_what_cannot_be_watched_is_said(what: str) -> None:
    function, text = UNWATCHED[what]
    compiled = steep.compile(function)
    compiled(ones())
    with pytest.warns(UserWarning, match=text):
        compiled(ones())


class Holder:
    def __init__(self, value: Any) -> None:
        self.value = value


def test_cells_of_what_is_dead_are_forgotten() -> None:
    """Dead is what only the cells hold, directly or through each other."""
    alive, cells = Holder([1]), Cells()

    def add(holder: Any) -> None:
        cells.keep((ITEM, holder.__dict__, "value", holder.value), "value")
        cells.keep((SEQUENCE, holder.value, None, tuple(holder.value)), "list")

    add(alive)
    add(Holder([2]))
    inner = [3]
    table = {"inner": inner}
    cells.keep((DICT, table, None, ("inner", inner)), "table")
    cells.keep((SEQUENCE, inner, None, (3,)), "inner")
    del table, inner
    cells.forget_what_is_dead()
    assert [cell[1] for cell in cells.entries] == [alive.__dict__, alive.value]


def test_cells_are_counted_as_often_as_they_hold_an_object() -> None:
    """In each of their fields, and in each place of a tuple of parts; not deeper."""
    item, other, values = object(), object(), {"a": 1}
    values["item"] = item  # type: ignore[assignment]
    cells: list[Any] = [
        (ITEM, values, "item", item),
        (SEQUENCE, [item], None, (item, item, (item,))),
        (DICT, values, None, ("item", item, "other", other)),
    ]
    kept = Cells()
    for cell in cells:
        kept.keep(cell, "")
    objects = dict(enumerate([item, other, values, kept]))
    assert kept.count_held(objects) == [4, 1, 2, 0]
    with pytest.raises(TypeError, match="expected a dict"):
        kept.count_held([])  # type: ignore[arg-type]


def test_naming_the_layers_is_no_part_of_what_a_call_reads() -> None:
    model = nn.Sequential(*(nn.Sequential(nn.ReLU(), nn.Tanh()) for _ in range(3)))
    listened = Reads(model, [])
    _core.follow(listened, lambda: model(ones()), (), {})  # nobody asks for layers
    follow()
    try:
        asked = Reads(model, [])
        _core.follow(asked, lambda: model(ones()), (), {})
    finally:
        unfollow()
    only_asked = {code.co_name for code in asked.codes} - {c.co_name for c in listened.codes}
    assert only_asked == {"_call_in_layer"}
    assert "named_modules" not in {code.co_name for code in asked.codes}


def stores() -> Iterator[tuple[str, Make]]:
    """Places that a function reads, each with a way to change it without assigning to it anew."""

    def attribute() -> Any:
        holder = Holder(2.0)
        return lambda x: x * holder.value, lambda: setattr(holder, "value", 3.0)

    def item() -> Any:
        table = {"value": 2.0, "other": 1.0}
        return lambda x: x * table["value"], lambda: table.update(value=3.0)

    def dropped_item() -> Any:
        table = {"value": 3.0, "last": 1.0}
        return lambda x: x * len(table), lambda: table.popitem()

    def element() -> Any:
        values = [2.0, 1.0]
        return lambda x: x * values[0], values.reverse

    def length() -> Any:
        values = [2.0, 1.0]
        return lambda x: x * len(values), lambda: values.append(0.0)

    def member() -> Any:
        names = {"a", "b"}
        return lambda x: x * (2 if "a" in names else 3), lambda: names.discard("a")

    def slot() -> Any:
        class Slotted:
            __slots__ = ("value",)

        holder = Slotted()
        holder.value = 2.0
        return lambda x: x * holder.value, lambda: setattr(holder, "value", 3.0)

    def class_attribute() -> Any:
        class Settings:
            value = 2.0

        return lambda x: x * Settings.value, lambda: setattr(Settings, "value", 3.0)

    def array() -> Any:
        values = np.array([2.0, 3.0])
        return lambda x: x * float(values[0]), lambda: values.sort() or values.fill(5.0)

    def default() -> Any:
        def scale(x: Any, by: float = 2.0) -> Any:
            return x * by

        return lambda x: scale(x), lambda: setattr(scale, "__defaults__", (3.0,))

    def memory() -> Any:
        weight = ones(2)
        return lambda x: x * weight, lambda: setattr(weight, "data", ones(3))

    for make in (attribute, item, dropped_item, element, length, member, slot, class_attribute):
        yield make.__name__, make
    for make in (array, default, memory):
        yield make.__name__, make


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in stores()])
def test_a_replay_is_not_run_once_a_place_has_changed(make: Make) -> None:
    """More places: test_compile_attributes, _dynamic, _classes and _names."""
    is_followed(make)
