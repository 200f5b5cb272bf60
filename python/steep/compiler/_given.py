"""Puts stand-ins in place of numbers among the arguments of a call, also inside containers."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, absent, found_in_type
from steep.compiler._leaks import tuple_of
from steep.compiler._objects import are_same_objects, values_of
from steep.compiler._symbolic import is_number

__all__ = ["Entry", "Filled"]

Entry = tuple[Any, Any, Any, Any]  # holder, key, stand-in, and what was there


class Filled:
    """The arguments of a call with stand-ins for their numbers.

    Searches the same containers, in the same order, as the key of a call (`ProgramTable`).

    Attributes:
        args: positional arguments; tuples with numbers in them are made anew.
        kwargs: keyword arguments, likewise.
        entries: stand-ins to be put into lists, dicts and attributes while the call runs.
        tuples: the tuples that were made.
        fits: whether exactly the given numbers were found.
    """

    def __init__(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deepest: int,
        numbers: list[Any],
        stand_ins: list[Any],
    ) -> None:
        """`deepest`: how deeply nested containers are searched."""
        self.entries: list[Entry] = []
        self.tuples: list[Any] = []
        self.fits = True
        self._deepest = deepest
        self._left = [*zip(numbers, stand_ins, strict=True)][::-1]
        self._seen: dict[int, Any] = {}
        self.args = tuple([self._fill(item, 0) for item in args])
        self.kwargs = {name: self._fill(item, 0) for name, item in kwargs.items()}
        self.fits = self.fits and not self._left
        self._left.clear()

    def _fill(self, item: Any, depth: int) -> Any:
        """What replaces an argument or a part of one."""
        kind = type(item)
        if is_number(item):
            return self._stand_in(item)
        if kind in _WITHOUT or depth >= self._deepest:
            return item
        if id(item) in self._seen:
            return self._seen[id(item)]
        filled, count = item, len(self.entries)
        if _is_tuple(kind):
            old = [*tuple.__iter__(item)]
            new = [self._fill(part, depth + 1) for part in old]
            if not are_same_objects(new, old):
                filled = tuple_of(item, new)
                self.tuples.append(filled)
        elif kind is list:
            for i, part in enumerate([*list.__iter__(item)]):
                self._put(item, i, part, depth)
        elif (held := values_of(item)) is not None:
            for key, part in [*held.items()]:
                if _is_plain(key):
                    self._put(held, key, part, depth)
        if filled is not item or len(self.entries) > count:
            self._seen[id(item)] = filled
        return filled

    def _stand_in(self, number: Any) -> Any:
        known, stand_in = self._left.pop() if self._left else (None, None)
        self.fits = self.fits and known is number
        return stand_in

    def _put(self, holder: Any, key: Any, part: Any, depth: int) -> None:
        filled = self._fill(part, depth + 1)
        if filled is not part:
            self.entries.append((holder, key, filled, part))


_WITHOUT = (Tensor, str, bool, type(None))  # these contain no numbers


def _is_tuple(kind: type) -> bool:
    """Whether instances are tuples or named tuples without further attributes."""
    named = (
        issubclass(kind, tuple)
        and found_in_type(kind, "_fields") is not absent
        and kind.__dictoffset__ == 0
    )
    return kind is tuple or named


def _is_plain(key: Any) -> bool:
    """Whether looking up a key in a dict runs no user code."""
    return type(key) is str or type(key) is int
