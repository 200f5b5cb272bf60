"""One call of a compiled function: its arguments, and which of its numbers may be others."""

from __future__ import annotations

from typing import Any

from steep.compiler._given import Entry, Filled, Given

__all__ = ["Call"]


class Call:
    """The arguments of a call.

    Attributes:
        args: positional arguments.
        kwargs: keyword arguments.
        known: what the kind of the call is told by: these, or with any number in place of numbers.
        given: the numbers that vary, in order; those that the kind of the call leaves open.
    """

    __slots__ = ("_found", "args", "given", "known", "kwargs")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs
        self.known = (args, kwargs)
        self.given: tuple[Any, ...] = ()
        self._found = Given(args, kwargs)

    @property
    def has_numbers(self) -> bool:
        """Whether there are numbers among the arguments, or in containers among them."""
        return bool(self._found.numbers)

    @property
    def has_floats(self) -> bool:
        """Whether one of them is a float."""
        return any(type(x) is float for x in self._found.numbers)

    def with_any_numbers(self) -> Call:
        """The same call as one of a kind that any numbers make."""
        call = Call.__new__(Call)
        call.args, call.kwargs, call._found = self.args, self.kwargs, self._found
        call.given = tuple(self._found.numbers)
        call.known = self._found.known
        return call

    def known_now(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What its kind is told by once the function has run, which may have changed arguments."""
        return Given(self.args, self.kwargs).known if self.given else self.known

    def filled(
        self, stand_ins: list[Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], list[Entry], list[Any]]:
        """The arguments with stand-ins for its numbers, what is still to be put into containers
        among them, and the tuples that were made anew.
        """
        filled = Filled(self.args, self.kwargs, self._found, stand_ins)
        return filled.args, filled.kwargs, filled.entries, filled.tuples
