"""Whether somebody has kept an object: told by marks, or by references counted in one place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import steep
from compiling import called, reason, replays
from steep import _core

ROOT = Path(__file__).resolve().parent.parent
COUNTS = re.compile(r"\b(Py_REFCNT|Py_SET_REFCNT|ob_refcnt|getrefcount|\w*Uniquely\w*)\b")


def sources() -> list[Path]:
    package = Path(steep.__file__).resolve().parent
    csrc = [p for p in (ROOT / "csrc").rglob("*") if p.suffix in (".h", ".cpp", ".in")]
    return [*csrc, *package.rglob("*.py"), *package.rglob("*.pyx")]


def test_counts_are_read_in_one_place() -> None:
    """But for `take_unless_dying` of python.h, which asks whether there are any at all."""
    readers = {path.name for path in sources() if COUNTS.search(path.read_text())}
    assert readers <= {"references.h", "references.cpp", "python.h"}


def test_references_are_those_besides_the_list_s_own() -> None:
    kept: list[Any] = []
    assert _core.counts_references
    assert _core.references([[], kept, [kept]]) == [0, 2, 0]
    twice = [[]]
    twice.append(twice[0])
    assert _core.references(twice) == [1, 1]
    with pytest.raises(TypeError, match="references: expected a list, got tuple"):
        _core.references(())  # type: ignore[arg-type]


def test_where_references_cannot_be_counted_nothing_is_replayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_core, "counts_references", False)
    compiled = steep.compile(lambda x: x * 2)
    with pytest.warns(UserWarning, match="does not count references"):
        assert called(compiled, steep.ones(2)).tolist() == [2, 2]
    assert replays(compiled) == 0
    assert "use CPython" in reason(compiled)


class Mark(_core.StandIn):
    """What stands in for a number, as a class of Python's."""

    def __init__(self, number: int) -> None:
        self.number = number


def test_stand_ins_that_nobody_holds_are_dropped() -> None:
    kept = Mark(1)
    marks: list[Any] = [Mark(0), kept, Mark(2), kept, 3.0, [Mark(4)]]
    holder = (marks[2],)
    _core.drop_unheld(marks)
    assert [mark.number for mark in marks] == [1, 2]
    assert marks[1] is holder[0]
    del kept
    _core.drop_unheld(marks)
    assert [mark.number for mark in marks] == [2]
    del holder
    _core.drop_unheld(marks)
    assert marks == []
    with pytest.raises(TypeError, match="drop_unheld: expected a list, got tuple"):
        _core.drop_unheld(())  # type: ignore[arg-type]


def test_one_in_a_cycle_is_held() -> None:
    marks: list[Any] = [Mark(0), Mark(1)]
    marks[0].self = marks[0]
    _core.drop_unheld(marks)
    assert [mark.number for mark in marks] == [0]


class Meddler:
    """Whose end changes the list that it was in."""

    def __init__(self, change: Callable[[], Any]) -> None:
        self.change = change

    def __del__(self) -> None:
        self.change()


@pytest.mark.parametrize("change", ["clear", "extend", "drop"])
def test_the_end_of_another_object_may_change_the_list(change: str) -> None:
    kept = Mark(1)
    marks: list[Any] = []

    def changed() -> None:
        if change == "clear":
            marks.clear()
        elif change == "extend":
            marks.extend([Mark(2), 3])
        else:
            marks.extend([kept, Mark(2)])
            _core.drop_unheld(marks)

    marks += [Meddler(changed), Mark(0), kept, Meddler(changed)]
    _core.drop_unheld(marks)
    assert [mark for mark in marks if mark is kept] == [kept]
    _core.drop_unheld(marks)
    assert marks == [kept]


class Nested:
    """One of a chain, at whose end something is done while all the others are being freed."""

    def __init__(self, inner: Any, end: Any = None) -> None:
        self.inner = inner
        self.end = end

    def __del__(self) -> None:
        if self.end is not None:
            self.end()


@pytest.mark.parametrize("depth", range(40, 60))
def test_in_the_midst_of_nested_ends_they_are_dropped_as_well(depth: int) -> None:
    """From some depth on the interpreter puts off the end of an object."""
    marks: list[Any] = [Mark(0), Mark(1)]
    kept = marks[1]
    left: list[Any] = []

    def end() -> None:
        _core.drop_unheld(marks)
        left.extend(mark.number for mark in marks)

    chain: Any = Nested(None, end)
    for _ in range(depth):
        chain = Nested(chain)
    del chain
    assert left == [1]
    assert kept is marks[0]
