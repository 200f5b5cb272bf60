"""Cells: what a function reads from outside itself, each with the value found."""

from __future__ import annotations

import gc
import types
from collections import Counter
from typing import Any

from steep._core import CellList, absent, references

__all__ = ["ARRAY", "FUNCTION", "Cell", "Cells", "DICT", "HOOKS", "ITEM", "SEQUENCE", "SET"]
__all__ += ["INSTANCE", "SLOT", "TENSOR", "TYPE", "VARIABLE", "absent"]

# Numbered and described as in csrc/bindings/programs/cells.h.
(
    VARIABLE,
    ITEM,
    DICT,
    SEQUENCE,
    SET,
    TYPE,
    SLOT,
    FUNCTION,
    ARRAY,
    TENSOR,
    INSTANCE,
    HOOKS,
) = range(12)

Cell = tuple[int, Any, Any, Any]  # kind, holder, key, value


class Cells(CellList):
    """All cells of one recording.

    Objects that the recording made itself are forgotten when it ends, for nothing outside can
    reach them. They are recognised by the references to them, so what is kept here must not be
    held in a second place.
    """

    def describe(self, place: int) -> str:
        """A description of one of the cells, for messages."""
        description, name = self.whence(place)
        if name is not None and not description.endswith(name):
            description = f"{description} {name!r}"
        if self.entry(place)[0] in (DICT, SEQUENCE, SET, ARRAY):
            description = f"what {description or 'an object'} holds"
        return description

    def broken(self) -> str:
        """A description of the first cell that no longer holds, or ``''``."""
        place = self.first_broken()
        return "" if place is None else self.describe(place)

    def forget(self, ids: set[int]) -> None:
        """Drop the cells of holders with these ids."""
        if not ids:
            return
        self.drop(ids)
        for number in ids:
            self.objects.pop(number, None)

    def forget_what_is_dead(self) -> None:
        """Drop the cells of objects that nothing else holds any more."""
        while dead := self.dead():
            self.forget(dead)

    def forget_dead_cycles(self) -> None:
        """Drop also cells of objects that only hold each other: trees whose nodes know their
        parents, functions that call themselves.

        What is held from outside stays, with all that it leads to. Classes made by the call are not
        distinguished from others.
        """
        nodes = dict(self.objects)
        _add_containers(nodes, list(nodes.values()))
        links = {n: [id(x) for x in gc.get_referents(nodes[n]) if id(x) in nodes] for n in nodes}
        ours = Counter(dict(zip(nodes, self.count_held(nodes), strict=True)))
        ours.update(self.objects.keys())
        for ends in links.values():
            ours.update(ends)
        ours.update(nodes.keys())  # held by `nodes`
        held = zip(nodes, references([*nodes.values()]), strict=True)
        waiting = [n for n, count in held if count > ours[n]]
        alive = set(waiting)
        while waiting:
            new = set(links[waiting.pop()]) - alive
            alive |= new
            waiting += new
        self.forget(nodes.keys() - alive)


_BETWEEN = (list, tuple, dict, set, types.CellType, types.FunctionType, types.MethodType)
_MOST_PARTS = 1000  # containers with more parts than this are not searched


def _add_containers(nodes: dict[int, Any], waiting: list[Any]) -> None:
    """Add containers that lie between the objects and that no code has named, by id."""
    while waiting:
        parts = gc.get_referents(waiting.pop())
        if len(parts) > _MOST_PARTS:
            continue
        while parts:
            part = parts.pop()
            is_of_module = type(part) is dict and "__name__" in part
            if type(part) in _BETWEEN and id(part) not in nodes and not is_of_module:
                nodes[id(part)] = part
                waiting.append(part)
