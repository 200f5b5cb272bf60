"""Containers that are passed as arguments, and may also be reached by names.

The key of a call has their contents, so they need no cells: the next call may pass another
container with the same contents. But if code also reaches one through a global variable, a closure
or an attribute, that still holds the old one then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steep.compiler._objects import attributes_of, contents_of

if TYPE_CHECKING:
    from steep.compiler._cells import Cells
    from steep.compiler._code import Names

__all__ = ["ALWAYS", "Arguments"]

ALWAYS = 0  # stands for a holder that outlives the call


class Arguments:
    """The parts of a call's key, and how else each of them was reached.

    Attributes:
        given: the parts, by id.
    """

    def __init__(self, given: list[Any]) -> None:
        self.given = {id(item): item for item in given}
        self._holders: dict[int, set[int]] = {}  # by the id of a part: ids of what holds it
        # By id: the names for which it was passed over, with paths.
        self._missed: dict[int, dict[Names, str]] = {}

    def let_go(self) -> None:
        """Drop the arguments themselves."""
        self.given.clear()

    def has(self, item: Any) -> bool:
        return id(item) in self.given

    def is_reached(self, item: Any) -> bool:
        """Whether something else holds it as well."""
        return id(item) in self._holders

    def are_reached(self) -> bool:
        """Whether something else holds any of them."""
        return bool(self._holders)

    def reach(self, item: Any, holder: int) -> list[tuple[Names, str]]:
        """Note that the object with the id `holder` holds it. Returns for which names it was passed
        over.
        """
        self._holders.setdefault(id(item), set()).add(holder)
        return list(self._missed.pop(id(item), {}).items())

    def pass_over(self, item: Any, names: Names, path: str) -> list[tuple[Any, str]]:
        """Note that it was reached as an argument only, and return its parts."""
        self._missed.setdefault(id(item), {})[names] = path
        return [(part, path) for part in contents_of(item)]

    def lost(self, cells: Cells) -> set[int]:
        """Ids of arguments that only objects of the call itself have held, which are gone by now.

        To be called after the cells of dead objects were dropped, and before `let_go`.
        """
        alive = {ALWAYS, *cells.objects} - self._holders.keys()
        found, waiting = set(), dict(self._holders)
        while reached := [n for n, holders in waiting.items() if not alive.isdisjoint(holders)]:
            alive.update(reached)
            for number in reached:
                del waiting[number]
        for number in waiting:
            values = attributes_of(self.given[number])
            found |= {number} if values is None else {number, id(values)}
        return found
