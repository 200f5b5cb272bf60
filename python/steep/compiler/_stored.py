"""What a function stores anew at every call, such as ``self.hidden = hidden``.

What is in such a place is passed to a recording as if it were an argument, and what the function
leaves there is handed on as if it were returned. So a replay takes the tensors that are there, and
leaves new ones. A container there (the pair of an LSTM, a dict of moments) counts by what it holds,
as an argument does, and is made anew, as a result is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from steep._core import ProgramTable, Tensor, anything, state_of
from steep.compiler._cells import DICT, SEQUENCE, TYPE, Cell, Cells
from steep.compiler._objects import is_a
from steep.compiler._place import Place, items_in
from steep.compiler._result import detached

__all__ = ["Stored", "touched"]


class Stored:
    """The places in which a function stores tensors anew, and what one call does there.

    Attributes:
        places: in a fixed order.
        before: what the call has found there; empty once the call has been examined.
        key: the key of the call, which ends with that.
        arguments: how many tensors there are among the arguments.
        containers: the containers in it, by id.
        written: indices of the places in which the call has left something else.
    """

    def __init__(self, places: Iterable[Place]) -> None:
        self.places = [*places]
        self.before = tuple([place.get() for place in self.places])
        self.key = b""
        self.arguments = 0
        self._found = b""
        self.containers: dict[int, Any] = {}
        self.written: list[int] = []
        holders = [(p.where[0] if p.is_memory else None) for p in self.places]
        self._states = [None if x is None else state_of(x) for x in holders]
        self._memory = {id(x): x.detach() for x in holders if x is not None}

    def begin(self, key: bytes, arguments: int, table: ProgramTable) -> None:
        """Note the key of the call, and the containers that were found."""
        self.key, self.arguments = key, arguments
        opened = table.key((self.before,), {})[3] if self.places else []
        self._found = self._key_of_found(table)
        self.containers = {id(x): x for x in opened if x is not self.before}

    def is_changed(self, table: ProgramTable) -> bool:
        """Whether the call has changed what it found, instead of leaving something else."""
        try:
            return self._key_of_found(table) != self._found
        except MemoryError:
            raise
        except Exception:  # as for arguments
            return True

    def _key_of_found(self, table: ProgramTable) -> bytes:
        """The key of what was found, but for memory, which may have been replaced."""
        pairs = zip(self.places, self.before, strict=True)
        found = tuple([x for place, x in pairs if not place.is_memory])
        return table.key((found,), {})[0] if found else b""

    def call(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """The result of a call that is not recorded; it, and what is stored, is as a replay leaves
        it.
        """
        result = function(*args, **kwargs)
        old = self.now()
        result, *new = detached((result, *old))
        self.put(old, new)
        return result

    def now(self) -> list[Any]:
        """What the call has left in the places where it has left something else."""
        self.written = [i for i in range(len(self.places)) if self._is_written(i)]
        return self.left()

    def left(self) -> list[Any]:
        """What there is in the places that were written; for the memory of a tensor, another tensor
        on it.
        """
        found = [self.places[i].get() for i in self.written]
        memory = [self.places[i].is_memory for i in self.written]
        return [x.detach() if is_one else x for x, is_one in zip(found, memory, strict=True)]

    def inputs(self, inputs: list[Tensor]) -> list[Tensor]:
        """The inputs of the call with other tensors, on the memory that was found, in place of
        those whose memory may have been replaced.
        """
        return [self._memory.get(id(x), x) for x in inputs]

    def _is_written(self, i: int) -> bool:
        place = self.places[i]
        if place.is_memory:
            return state_of(place.where[0]) != self._states[i]
        return place.get() is not self.before[i]

    def put(self, old: list[Any], new: list[Any]) -> None:
        """Exchange what the call has left for what a replay would leave, where that differs."""
        for i, before, value in zip(self.written, old, new, strict=True):
            if value is not before:
                self.places[i].set(value)

    def tensors(self) -> list[Tensor]:
        """The tensors whose memory is replaced."""
        return [self.places[i].where[0] for i in self.written if self.places[i].is_memory]

    def leave(self, cells: Cells) -> None:
        """Let anything be in these places as far as the cells say."""
        marks = {place.mark for place in self.places}
        holders = {place.mark[1] for place in self.places}
        for index, cell in enumerate(cells.entries) if marks else ():
            if id(cell[1]) not in holders and cell[0] != TYPE:
                continue
            free = [place.mark in marks for place, _ in items_in(cell) or ()]
            if any(free):
                cells.replace(index, _freed(cell, free))

    def reached(self, cells: Cells) -> str:
        """Whether the function reaches a container that was there in another way as well: the
        reason not to replay it, or ``''``.
        """
        held = cells.count_held(self.containers)
        found = [x for x, count in zip(self.containers.values(), held, strict=True) if count]
        return _REACHED.format(type(found[0]).__name__) if found else ""

    def let_go(self) -> None:
        """Drop what the call has found."""
        self.before = ()
        self._memory = {}
        self.containers = {}

    def mutable(self) -> list[Place]:
        """The places of containers that the function may change instead of making new ones."""
        pairs = zip(self.places, self.before, strict=True)
        return [place for place, x in pairs if not is_a(x, Tensor | tuple | None)]

    def without_memory(self, cells: list[Cell]) -> list[Cell]:
        """Cells without the tensors whose memory is replaced, which are inputs themselves."""
        own = {id(place.where[0]) for place in self.places if place.is_memory}
        return [(*cell[:3], _without(cell[3], own)) for cell in cells] if own else cells

    def kept(self) -> tuple[list[Any], list[int], bytes]:
        """What two calls must have in common."""
        return [place.mark for place in self.places], self.written, self.key

    def locations(self) -> Any:
        """What the table of programs takes: the places, the key, and which get something else."""
        if not self.places:
            return None
        return tuple([place.where for place in self.places]), self.key, tuple(self.written)


def _without(value: Any, ids: set[int]) -> Any:
    """The value of a cell, or a tuple of its parts, with None for objects with these ids."""
    if type(value) is tuple:
        return tuple([None if id(part) in ids else part for part in value])
    return None if id(value) in ids else value


def touched(places: dict[Any, Place], cells: Cells) -> dict[Any, Place]:
    """Those of some places, by their marks, that cells are about."""
    holders = {mark[1] for mark in places}
    about = [cell for cell in cells.entries if id(cell[1]) in holders or cell[0] == TYPE]
    found = {place.mark for cell in about for place, _ in items_in(cell) or ()}
    return {mark: place for mark, place in places.items() if mark in found or place.is_memory}


def _freed(cell: Cell, free: list[bool]) -> Any:
    """The value of a cell, with anything in some of the places that it is about."""
    kind, value = cell[0], cell[3]
    if kind not in (DICT, SEQUENCE):
        return anything
    parts = [*value]
    for i, is_free in enumerate(free):
        if is_free:
            parts[2 * i + 1 if kind == DICT else i] = anything
    return tuple(parts)


_REACHED = "it also reaches a {} that it stores anew by another name; keep it in one place"
