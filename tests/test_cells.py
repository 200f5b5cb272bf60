"""The cells of a recording: one of each place, with how a user would call it."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import steep
from steep import _core
from steep.compiler._cells import DICT, HOOKS, INSTANCE, ITEM, SEQUENCE, TENSOR, Cells, absent


class Holder:
    def __init__(self, value: Any) -> None:
        self.value = value


class Key(str):
    """Not the same as an equal string, for code may tell them apart."""

    __slots__ = ()


def test_a_place_is_kept_once() -> None:
    cells, values, long = Cells(), {"ab" * 50: 1}, "".join(["ab"] * 50)
    cells.keep((ITEM, values, "ab" * 50, 1), "first", "name")
    cells.keep((ITEM, values, long, 2), "second")
    cells.keep((ITEM, values, Key(long), 1), "third")
    cells.keep((ITEM, dict(values), long, 1), "fourth")
    cells.keep((DICT, values, None, (long, 1)), "fifth")
    assert [cells.whence(i)[0] for i in range(len(cells))] == ["first", "third", "fourth", "fifth"]
    assert cells.entry(0) == (ITEM, values, long, 1)
    assert cells.describe(0) == "first 'name'"
    assert list(cells.objects) == [id(values), id(cells.entry(2)[1])]


def test_many_places_are_told_apart() -> None:
    cells, holders = Cells(), [{"x": i} for i in range(1000)]
    for _ in range(2):
        for holder in holders:
            for name in ("x", "y", "z"):
                cells.keep((ITEM, holder, name, holder.get(name, absent)), "", name)
    assert len(cells) == 3000
    assert cells.first_broken() is None
    holders[700]["y"] = 0
    holders[800]["x"] = 0
    assert cells.all_broken() == [2101, 2400]
    assert cells.first_broken() == 2101


def test_what_is_no_cell_is_not_kept() -> None:
    cells: Any = Cells()
    for wrong in ((ITEM, [], "x", 1), (DICT, {}, None, [1]), (99, {}, "x", 1), (ITEM, {}), None):
        with pytest.raises(TypeError, match="expected"):
            cells.keep(wrong, "")
    assert len(cells) == 0
    assert cells.objects == {}
    cells.keep((ITEM, values := {"x": 1}, "x", 1), "")
    for place in (1, -1, "x"):
        with pytest.raises((IndexError, OverflowError, TypeError)):
            cells.entry(place)
    assert cells.entries == [(ITEM, values, "x", 1)]


def test_cells_are_replaced_and_found_again_by_their_numbers() -> None:
    cells, lists = Cells(), [[1], [2], [3]]
    for items in lists:
        cells.keep((SEQUENCE, items, None, tuple(items)), "")
    number = cells.replace(1, (5,))
    assert cells.entry(1) == (SEQUENCE, [2], None, (5,))
    cells.forget({id(lists[0])})
    assert cells.index_of([number]) == 0
    cells.forget({id(lists[1])})
    assert cells.index_of([number]) is None
    assert cells.objects == {id(lists[2]): lists[2]}


def test_cells_of_one_kind_are_dropped() -> None:
    cells, holder = Cells(), Holder(1)
    cells.keep((INSTANCE, holder, None, (Holder, None)), "")
    cells.keep((ITEM, holder.__dict__, "value", 1), "")
    cells.drop({id(holder), id(holder.__dict__)}, INSTANCE)
    assert [cell[0] for cell in cells.entries] == [ITEM]


def test_tensors_that_someone_else_holds_are_kept() -> None:
    held, returned = steep.ones(2, requires_grad=True), steep.ones(2)
    held.register_hook(lambda grad: grad)
    met = {}
    for tensor in (held, returned, steep.ones(3)):
        met[id(tensor)] = (tensor, _core.state_of(tensor), _core.hooks_of(tensor))
    del tensor
    cells = Cells()
    cells.keep_tensors(met, {id(returned)})
    assert met == {}
    assert [(cell[0], cell[1] is held) for cell in cells.entries] == [(TENSOR, True), (HOOKS, True)]
    assert cells.first_broken() is None
    held.requires_grad_(False)
    assert cells.first_broken() == 0


def test_guards_of_cells_hold_as_long_as_they_do() -> None:
    scale = Holder(2.0)
    compiled = steep.compile(lambda x: x * scale.value)
    for value in (2.0, 3.0):
        scale.value = value
        for _ in range(4):
            assert compiled(steep.ones(2)).tolist() == [value, value]


def test_cells_that_hold_themselves_are_collected() -> None:
    cells, holder = Cells(), Holder(None)
    holder.value = cells
    cells.keep((ITEM, holder.__dict__, "value", cells), "")
    gone = weakref.ref(holder)
    del cells, holder
    gc.collect()
    assert gone() is None


def test_code_that_runs_when_a_cell_goes_finds_the_rest_whole() -> None:
    cells, found = Cells(), []

    class Last:
        def __del__(self) -> None:
            found.append(len(cells.entries))

    for i in range(3):
        values = {"x": Last()}
        cells.keep((ITEM, values, "x", values["x"]), "")
        del values
        assert len(cells) == i + 1
    cells.forget(set(cells.objects))
    assert found == [0, 0, 0]
