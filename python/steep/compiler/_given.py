"""Numbers among the arguments of a call, in containers as well: where they are, and what a kind of
call is told by that leaves them open.
"""

from __future__ import annotations

import collections
import types
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from steep._core import Tensor, absent, found_in_type
from steep.compiler._leaks import tuple_of
from steep.compiler._objects import attributes_of
from steep.compiler._symbolic import is_number

__all__ = ["AnyNumber", "Entry", "Filled", "Given", "Made"]

MOST_NUMBERS = 1000  # in the arguments of a call; they are looked through in Python
_DEEPEST = 16  # containers in each other; what lies deeper counts by its value

Entry = tuple[Any, Any, Any, Any]  # holder, key, what stands in, and what was there


class AnyNumber:
    """Stands for all numbers of a type in what a call is known by."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def __repr__(self) -> str:
        return f"any {self._kind.__name__}"


class Made(NamedTuple):
    """Stands for an object in which there are numbers: what class it has, and what it holds."""

    kind: type
    parts: Any


class _Again(NamedTuple):
    """Stands for a container that was met before: the same number is in both places."""

    number: int


_ANY = {kind: AnyNumber(kind) for kind in (int, float)}
_DICTS = (collections.OrderedDict, collections.defaultdict)
_Values = tuple[dict[Any, Any], type | None]


class Given:
    """The numbers of a call.

    Attributes:
        numbers: themselves, in order.
        known: the arguments with any number in place of them.
        deepest: how many containers in each other are looked into.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.deepest = _DEEPEST
        self._read(args, kwargs)
        if len(self.numbers) > MOST_NUMBERS:
            self.deepest = 0
            self._read(args, kwargs)

    def _read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.numbers: list[Any] = []
        self._seen: dict[int, int] = {}  # containers with numbers in them, by id
        self.known: tuple[tuple[Any, ...], dict[str, Any]] = (
            tuple([self._known(item, 0) for item in args]),
            {name: self._known(item, 0) for name, item in kwargs.items()},
        )

    def _known(self, item: Any, depth: int) -> Any:
        """The same with any number in place of each; the very object where there is none in it."""
        kind = type(item)
        if kind is float or kind is int:
            self.numbers.append(item)
            return _ANY[kind]
        if kind in _WITHOUT or depth >= self.deepest or len(self.numbers) > MOST_NUMBERS:
            return item
        if id(item) in self._seen:
            return _Again(self._seen[id(item)])
        known: Any = item
        if kind is list or _is_tuple(kind):
            old = [*(list if kind is list else tuple).__iter__(item)]
            new = [self._known(part, depth + 1) for part in old]
            if _differ(new, old):
                known = new if kind is list else tuple(new) if kind is tuple else Made(kind, new)
        elif (held := _values_of(item)) is not None:
            values, made = held
            parts = {key: self._known_at(key, part, depth) for key, part in values.items()}
            if _differ(parts.values(), values.values()):
                factory = getattr(item, "default_factory", None) if kind in _DICTS else None
                known = parts if made is None else Made(made, (factory, parts))
        if known is not item:
            self._seen[id(item)] = len(self._seen)
        return known

    def _known_at(self, key: Any, part: Any, depth: int) -> Any:
        return self._known(part, depth + 1) if _is_plain(key) else part


class Filled:
    """The arguments of a call with stand-ins for their numbers, which are given in order.

    Attributes:
        args: positional arguments; tuples with numbers in them are made anew.
        kwargs: keyword arguments, likewise.
        entries: what is still to be put into lists, dicts and attributes while the call runs.
        tuples: those that were made.
    """

    def __init__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], given: Given, stand_ins: list[Any]
    ) -> None:
        self.entries: list[Entry] = []
        self.tuples: list[Any] = []
        self._deepest = given.deepest
        self._stand_ins: Iterator[Any] = iter(stand_ins)
        self._seen: dict[int, Any] = {}
        self.args = tuple([self._fill(item, 0) for item in args])
        self.kwargs = {name: self._fill(item, 0) for name, item in kwargs.items()}

    def _fill(self, item: Any, depth: int) -> Any:
        """What is passed in place of an argument, or is put in place of a part of one."""
        kind = type(item)
        if is_number(item):
            return next(self._stand_ins)
        if kind in _WITHOUT or depth >= self._deepest:
            return item
        if id(item) in self._seen:
            return self._seen[id(item)]
        filled, count = item, len(self.entries)
        if _is_tuple(kind):
            old = [*tuple.__iter__(item)]
            new = [self._fill(part, depth + 1) for part in old]
            if _differ(new, old):
                filled = tuple_of(item, new)
                self.tuples.append(filled)
        elif kind is list:
            for i, part in enumerate([*list.__iter__(item)]):
                self._put(item, i, part, depth)
        elif (held := _values_of(item)) is not None:
            for key, part in [*held[0].items()]:
                if _is_plain(key):
                    self._put(held[0], key, part, depth)
        if filled is not item or len(self.entries) > count:
            self._seen[id(item)] = filled
        return filled

    def _put(self, holder: Any, key: Any, part: Any, depth: int) -> None:
        filled = self._fill(part, depth + 1)
        if filled is not part:
            self.entries.append((holder, key, filled, part))


_WITHOUT = (Tensor, str, bool, type(None))  # in which there is no number


def _differ(new: Iterable[Any], old: Iterable[Any]) -> bool:
    return any(now is not then for now, then in zip(new, old, strict=True))


def _is_tuple(kind: type) -> bool:
    """Whether instances are tuples or named ones, which hold nothing besides."""
    named = (
        issubclass(kind, tuple)
        and found_in_type(kind, "_fields") is not absent
        and kind.__dictoffset__ == 0
    )
    return kind is tuple or named


def _is_plain(key: Any) -> bool:
    """Whether looking for a key in a dict runs no code of a user's."""
    return type(key) is str or type(key) is int


def _values_of(item: Any) -> _Values | None:
    """The dict in which an object has its values, and its class where that counts; None for others.

    These are dicts, namespaces and dataclasses: what the key of a call reads, too.
    """
    kind = type(item)
    if kind is dict:
        return item, None
    if kind in _DICTS:
        return None if attributes_of(item) else (item, kind)
    is_dataclass = found_in_type(kind, "__dataclass_fields__") is not absent
    if not is_dataclass and not issubclass(kind, types.SimpleNamespace):
        return None
    if issubclass(kind, (type, dict, list, tuple, int, float)) or _has_slots(kind):
        return None
    values = attributes_of(item)
    return None if values is None else (values, kind)


def _has_slots(kind: type) -> bool:
    return any(base.__dict__.get("__slots__") for base in kind.__mro__)
