"""One call of a compiled function: its arguments, and which of its numbers may be others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep.compiler._symbolic import is_number

__all__ = ["AnyNumber", "Call"]


class AnyNumber:
    """Stands for all numbers of a type in what a call is known by."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def __repr__(self) -> str:
        return f"any {self._kind.__name__}"


_ANY = {kind: AnyNumber(kind) for kind in (int, float)}


class Call:
    """The arguments of a call.

    Attributes:
        args: positional arguments.
        kwargs: keyword arguments.
        known: what the kind of the call is told by: these, or with any number in place of numbers.
        given: the numbers that vary, in order; those that the kind of the call leaves open.
    """

    __slots__ = ("_places", "args", "given", "known", "kwargs")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs
        self.known = (args, kwargs)
        self.given: tuple[Any, ...] = ()
        self._places: list[int | str] = [i for i, x in enumerate(args) if is_number(x)]
        self._places += [name for name, x in kwargs.items() if is_number(x)]

    @property
    def has_numbers(self) -> bool:
        """Whether there are numbers among the arguments."""
        return bool(self._places)

    @property
    def has_floats(self) -> bool:
        """Whether one of them is a float."""
        return any(type(x) is float for x in self._numbers())

    def with_any_numbers(self) -> Call:
        """The same call as one of a kind that any numbers make."""
        call = Call.__new__(Call)
        call.args, call.kwargs, call._places = self.args, self.kwargs, self._places
        call.given = tuple(self._numbers())
        call.known = self.with_numbers([_ANY[type(x)] for x in call.given])
        return call

    def with_numbers(self, numbers: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with other numbers in place of its own."""
        args, kwargs = list(self.args), dict(self.kwargs)
        for place, number in zip(self._places, numbers, strict=True):
            if isinstance(place, int):
                args[place] = number
            else:
                kwargs[place] = number
        return tuple(args), kwargs

    def _numbers(self) -> list[Any]:
        return [self.args[p] if isinstance(p, int) else self.kwargs[p] for p in self._places]
