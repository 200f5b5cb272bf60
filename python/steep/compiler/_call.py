"""One call of a compiled function: its arguments and its key."""

from __future__ import annotations

from typing import Any, NamedTuple

from steep._core import ProgramTable, Tensor
from steep.compiler._given import Filled

__all__ = ["Call", "CallKind"]


class CallKind(NamedTuple):
    """What identifies the kind of a call.

    Attributes:
        key: calls with the same one are of one kind.
        inputs: the tensors among the arguments.
        known: objects that are compared by identity.
        opened: containers that are compared by their contents.
        numbers: the numbers that the kind leaves open, in order.
        deepest: how deeply nested containers were searched for numbers.
        arrays: NumPy arrays that count as tensors, each with its tensor, which is one of `inputs`.
    """

    key: bytes
    inputs: list[Tensor]
    known: list[Any]
    opened: list[Any]
    numbers: list[Any]
    deepest: int
    arrays: list[tuple[Any, Tensor]]


class Call:
    """The arguments of a call.

    Attributes:
        args: positional arguments.
        kwargs: keyword arguments.
        is_open: whether the kind leaves the values of numbers open.
    """

    __slots__ = ("args", "is_open", "kwargs")

    def __init__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], is_open: bool = False
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        self.is_open = is_open

    def with_any_numbers(self) -> Call:
        """The same call as one of a kind that leaves numbers open."""
        return Call(self.args, self.kwargs, True)

    def kind(self, table: ProgramTable, stored: tuple[Any, ...] = ()) -> CallKind:
        """Its present kind: the function may change the contents of its arguments. What is in
        places where the function stores tensors is part of it if it is given.
        """
        more = (stored,) if stored else ()
        return CallKind(*table.key(self.args, self.kwargs, self.is_open, *more))

    def filled(self, kind: CallKind, stand_ins: list[Any]) -> Filled:
        """The arguments with stand-ins for its numbers."""
        return Filled(self.args, self.kwargs, kind.deepest, kind.numbers, stand_ins)
