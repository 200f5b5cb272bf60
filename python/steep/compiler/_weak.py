"""Targets of weak references, which no program may keep alive."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from steep.compiler._arguments import ALWAYS
from steep.compiler._cells import INSTANCE, TYPE
from steep.compiler._objects import attributes_of

if TYPE_CHECKING:
    from steep.compiler._cells import Cells

__all__ = ["WEAKLY", "WeakTargets"]

WEAKLY = -1  # stands for a weak reference among what holds an object


class WeakTargets:
    """Objects that were reached by weak references, and how else each was reached.

    Attributes:
        holders: by the id of an object: ids of what holds it, or `ALWAYS`.
    """

    def __init__(self) -> None:
        self._paths: dict[int, str] = {}  # by id; the traversal holds the objects
        self.holders: dict[int, set[int]] = {}

    def add(self, target: Any, path: str) -> None:
        self._paths.setdefault(id(target), path)

    def let_go(self, cells: Cells) -> str:
        """Drop the cells that hold the targets themselves; those of their attributes remain.

        Returns why there can be no program if that is not enough, or ``''``.
        """
        only = {n: path for n, path in self._paths.items() if not self._is_held(n, cells)}
        if not only:
            return ""
        cells.drop(only, INSTANCE)
        held = {id(cell[1]): cell[1] for cell in cells.entries if cell[0] != TYPE}
        for number, path in only.items():
            own = {number, *map(id, self._parts_of(number, cells))} & held.keys()
            if any(number in (n, *map(id, gc.get_referents(held[n]))) for n in own):
                return (
                    f"it reads the target of a weak reference ({path}), which a program would "
                    "keep alive; read it outside the function"
                )
        return ""

    def _parts_of(self, number: int, cells: Cells) -> list[Any]:
        """The attributes of a target, their attributes, and what these refer to."""
        parts = list((attributes_of(cells.objects.get(number)) or {}).values())
        parts += [part for item in parts for part in (item, attributes_of(item))]
        return [*parts, *(part for item in parts for part in gc.get_referents(item))]

    def _is_held(self, number: int, cells: Cells) -> bool:
        """Whether something holds it that remains, and is not a part of it."""
        holders = self.holders.get(number, set()) & {ALWAYS, *cells.objects}
        if ALWAYS in holders or not holders:
            return bool(holders)
        return not holders <= set(map(id, self._parts_of(number, cells)))
