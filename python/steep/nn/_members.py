"""The dictionaries in which a module keeps its parameters, buffers and children."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from steep._core import set_items
from steep._layers import note_members_changed

_V = TypeVar("_V")


class Members(dict[str, _V]):
    """Name -> member, mirrored into the `__dict__` of the module that owns it.

    The mirror makes `self.fc1` an ordinary attribute lookup instead of a call of `__getattr__`,
    which would cost more than a small layer's arithmetic. Every change goes through here, so that
    what is remembered of the members (the steps of a `Sequential`, names of layers) is forgotten.

    Attributes:
        version: a number that every change replaces by one never used before.
    """

    __slots__ = ("_owner", "version")

    def __init__(self, owner: object, items: Iterable[tuple[str, _V]] = ()) -> None:
        super().__init__()
        # A strong reference would make a cycle, and keep a dropped model alive until the next
        # run of the garbage collector.
        self._owner = weakref.ref(owner)
        self.version = note_members_changed()
        for name, value in items:
            self[name] = value

    def _mirror(self) -> dict[str, Any]:
        owner = self._owner()
        return {} if owner is None else owner.__dict__

    def _changed(self) -> None:
        self.version = note_members_changed()

    def entries(self, name: str, value: Any) -> list[tuple[Any, ...]]:
        """The assignments, for `set_items`, that make `value` the member `name`."""
        self._changed()
        return [(self, name, value), (self._mirror(), name, value)]

    def removals(self, name: str) -> list[tuple[Any, ...]]:
        """The deletions, for `set_items`, that make `name` a member no longer."""
        self._changed()
        return [(self, name), (self._mirror(), name)]

    def __setitem__(self, name: str, value: _V) -> None:
        set_items(self.entries(name, value))
        self._changed()

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        set_items(self.removals(name))
        self._changed()

    def pop(self, name: str, *default: Any) -> Any:
        """Remove `name` and return its value, or `default` where there is none."""
        if name not in self and default:
            return default[0]
        value = self[name]
        del self[name]
        return value

    def clear(self) -> None:
        """Remove every member."""
        self.reordered({})

    def update(self, *others: Any, **named: Any) -> None:
        """Set members from mappings or pairs, as `dict.update`."""
        items = dict(*others, **named).items()
        set_items([entry for name, value in items for entry in self.entries(name, value)])
        self._changed()

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of `name`, which becomes `default` if it was absent."""
        if name not in self:
            self[name] = default
        return self[name]

    def popitem(self) -> tuple[str, _V]:
        """Remove and return the pair that came last."""
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        name = next(reversed(self))
        return name, self.pop(name)

    def __ior__(self, other: Any) -> Members[_V]:  # type: ignore[override, misc]
        self.update(other)
        return self

    def reordered(self, items: Mapping[str, _V]) -> None:
        """Replace all members by `items`, in their order."""
        changes = [entry for name in self for entry in self.removals(name)]
        changes += [entry for name, value in items.items() for entry in self.entries(name, value)]
        set_items(changes)
        self._changed()

    def __reduce__(self) -> tuple[Any, ...]:
        # Modules write their members as plain dicts and bind them anew; see Module.__setstate__.
        return dict, (dict(self),)
