"""Where a function keeps what changes at every call: numbers, and tensors that it stores anew."""

from __future__ import annotations

import collections
import sys
import types
from typing import Any

from steep._core import (
    Tensor,
    any_number,
    anything,
    first_broken,
    found_in_type,
    same_value,
    state_of,
)
from steep.compiler._cells import (
    DICT,
    ITEM,
    SEQUENCE,
    SLOT,
    TENSOR,
    TYPE,
    VARIABLE,
    Cell,
    Cells,
    absent,
)
from steep.compiler._objects import content_of, is_a, is_of_python, values_of
from steep.compiler._symbolic import is_number

__all__ = ["MOST_PLACES", "Place", "changed_places", "hindrance", "items_in"]
__all__ += ["new_containers"]

MOST_PLACES = 4096


class Place:
    """Where something is kept: an item of a dict, a list or a deque, a variable of a closure, an
    attribute in a slot or of a class, or the memory of a tensor.

    Attributes:
        mark: equal for two objects that describe the same place.
        label: what messages call it.
        of_number: whether a number is followed there, rather than a tensor that is stored anew.
    """

    __slots__ = ("_holder", "_key", "_kind", "label", "mark", "of_number")

    def __init__(
        self, kind: int, holder: Any, key: Any, label: str, of_number: bool = True
    ) -> None:
        self._kind = kind
        self._holder = holder
        self._key = key
        self.label = label
        self.of_number = of_number
        self.mark = (kind, id(holder), key if isinstance(key, int | str) else id(key))

    @property
    def is_memory(self) -> bool:
        """Whether it is the memory of a tensor."""
        return self._kind == TENSOR

    @property
    def may_have_number(self) -> bool:
        """Whether a number that is there may be followed."""
        return self._kind != TYPE and type(self._holder) is not collections.deque

    @property
    def where(self) -> tuple[Any, Any]:
        """The holder, and the key."""
        return self._holder, self._key

    def get(self) -> Any:
        """The value there, or `absent`; for the memory of a tensor, the tensor."""
        try:
            if self._kind == TENSOR:
                return self._holder
            if self._kind == TYPE:
                return vars(self._holder).get(self._key, absent)
            if self._kind == ITEM:
                return dict.get(self._holder, self._key, absent)
            if self._kind == SEQUENCE:
                return type(self._holder).__getitem__(self._holder, self._key)
            if self._kind == SLOT:
                return self._key.__get__(self._holder, type(self._holder))
            return content_of(self._holder)
        except (AttributeError, IndexError):
            return absent

    def expression(self, i: int, names: dict[str, Any]) -> str:
        """Source text that reads the value; the names that it uses are added to `names`."""
        names[f"h{i}"], names[f"k{i}"] = self._holder, self._key
        if self._kind == ITEM:
            return f"dict.get(h{i}, k{i})"
        if self._kind == SEQUENCE:
            return f"list.__getitem__(h{i}, k{i})"
        return f"k{i}.__get__(h{i})" if self._kind == SLOT else f"h{i}.cell_contents"

    def set(self, value: Any) -> None:
        """Put another value there, or nothing if it is `absent`."""
        if value is absent:
            self._clear()
        elif self._kind == TENSOR:
            self._holder.data = value
        elif self._kind == TYPE:
            type.__setattr__(self._holder, self._key, value)
        elif self._kind == ITEM:
            dict.__setitem__(self._holder, self._key, value)
        elif self._kind == SEQUENCE:
            type(self._holder).__setitem__(self._holder, self._key, value)
        elif self._kind == SLOT:
            self._key.__set__(self._holder, value)
        else:
            self._holder.cell_contents = value

    def _clear(self) -> None:
        if self._kind == ITEM:
            dict.pop(self._holder, self._key, None)
        elif self._kind == TYPE:
            type.__delattr__(self._holder, self._key)
        elif self._kind == SLOT:
            self._key.__delete__(self._holder)
        else:
            del self._holder.cell_contents


def changed_places(cells: Cells) -> list[Place] | None:
    """The places of numbers that have changed since recording, and those with other tensors;
    ``None`` if anything else has changed.
    """
    found: list[Place] = []
    for i in cells.all_broken():
        places = _changed_in(cells.entry(i), cells.describe(i))
        if places is None or len(found) + len(places) > MOST_PLACES:
            return None
        found += places
    return found


def hindrance(cells: Cells) -> int | None:
    """The first cell that has changed since recording. Those are named last that could be followed
    if nothing else changed.
    """
    broken = cells.all_broken()
    for i in broken:
        if _changed_in(cells.entry(i), "") is None:
            return i
    return broken[0] if broken else None


def _changed_in(cell: Cell, label: str) -> list[Place] | None:
    """Where a cell now holds other numbers or tensors; ``None`` if anything else in it differs."""
    kind, holder = cell[:2]
    if kind == TENSOR:
        return [Place(kind, holder, None, label, False)] if _has_other_memory(*cell) else None
    items = items_in(cell)
    if items is None:
        return None
    found = []
    for place, old in items:
        place.label = label
        now = place.get()
        if is_number(now) and type(now) is type(old) and place.may_have_number:
            if not same_value(now, old):
                found.append(place)
        elif old is any_number or old is anything or now is old or _equal(place, old):
            continue
        elif _may_be_stored(old, now):
            place.of_number = False
            found.append(place)
        else:
            return None
    return found


def items_in(cell: Cell) -> list[tuple[Place, Any]] | None:
    """The places that a cell is about, with the values found; ``None`` if it cannot be followed."""
    kind, holder, key, before = cell
    if kind == TYPE:
        if not is_of_python(holder) or found_in_type(type(holder), "__setattr__") is not _SET:
            return None
        owner = next((cls for cls in holder.__mro__ if key in vars(cls)), None)
        return None if owner is None else [(Place(kind, owner, key, ""), before)]
    if kind == SLOT and not isinstance(key, types.MemberDescriptorType):
        return None
    if kind in (ITEM, DICT) and "__module__" in holder and "__doc__" in holder:
        return None  # a class's own dict, which must not be written to
    if kind in (ITEM, VARIABLE, SLOT):
        items = [(key, before)]
    elif kind == DICT and [*map(id, dict.keys(holder))] == [*map(id, before[::2])]:
        items = [*zip(before[::2], before[1::2], strict=True)]
    elif (
        kind == SEQUENCE
        and type(holder) in (list, collections.deque)
        and len(holder) == len(before)
    ):
        items = [*enumerate(before)]
    else:
        return None
    kind = ITEM if kind == DICT else kind
    return [(Place(kind, holder, key, ""), old) for key, old in items]


_SET = type.__dict__["__setattr__"]


def _equal(place: Place, old: Any) -> bool:
    """Whether the value counts as unchanged: it may be an equal string or tuple of numbers."""
    kind = place.mark[0]
    return kind != SEQUENCE and first_broken([(kind, *place.where, old)]) is None


# ---- tensors that are stored anew ---------------------------------------------------------------

_MOST_PARTS = 4096
_DEEPEST = 16
_VALUES = (type(None), bool, int, float, complex, str, bytes)


def _may_be_stored(old: Any, now: Any) -> bool:
    """Whether one may take the place of the other at a replay, and any of them holds a tensor."""
    counts = _tensors_in(old), _tensors_in(now)
    return min(counts) >= 0 and max(counts) > 0


def _tensors_in(value: Any, depth: int = 0) -> int:
    """How many tensors there are in a value, also in containers that count by what they hold;
    negative if there is anything else.
    """
    kind = type(value)
    if issubclass(kind, Tensor):
        return 1
    if value is absent or kind in _VALUES:
        return 0
    values = None if issubclass(kind, tuple) else values_of(value)
    if depth > _DEEPEST or (values is None and not is_a(value, list | tuple)):
        return -1
    parts = [*(value if values is None else values.values())]
    counts = [_tensors_in(part, depth + 1) for part in parts[: _MOST_PARTS + 1]]
    return -1 if min(counts, default=0) < 0 or len(parts) > _MOST_PARTS else sum(counts)


def new_containers(cells: Cells) -> set[int]:
    """Ids of what holds tensors and now is where something else was, when the cells were kept."""
    found: set[int] = set()
    for i in cells.all_broken():
        for place in _changed_in(cells.entry(i), "") or ():
            if not place.of_number:
                _add_containers(place.get(), found)
    return found


def _add_containers(value: Any, found: set[int]) -> None:
    values = None if is_a(value, tuple) else values_of(value)
    if values is None and not is_a(value, list | tuple):
        return
    found |= {id(value), *([] if values is None else [id(values)])}
    for part in value if values is None else values.values():
        _add_containers(part, found)


def _has_other_memory(kind: int, tensor: Tensor, key: None, before: bytes) -> bool:
    """Whether a tensor's memory was replaced, and nothing else of it."""
    now = state_of(tensor)
    if now is None or len(now) != len(before):
        return False
    flags = [int.from_bytes(state[:8], sys.byteorder) for state in (before, now)]
    is_same = flags[0] & 7 == flags[1] & 7 and now[8:24] == before[8:24]
    return flags[0] != flags[1] and is_same
