"""Where a loader is in its epoch, so that another can go on from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep._core import Generator, Tensor, default_generator

__all__ = ["Count", "Position", "generators_of", "set_states", "states_of"]


class Count:
    """How many batches have been handed out, or left out because the dataset raised."""

    __slots__ = ("taken",)

    def __init__(self, taken: int = 0) -> None:
        self.taken = taken


class Position:
    """How far an epoch has come.

    Attributes:
        begin: the generators' states as the epoch began.
        source: what knows how many batches have been taken.
        ended: whether there are none any more.
    """

    __slots__ = ("begin", "ended", "source")

    def __init__(self, begin: list[Tensor], taken: int = 0) -> None:
        self.begin = begin
        self.source: Any = Count(taken)
        self.ended = False

    @property
    def taken(self) -> int:
        """How many batches have been handed out, or left out because the dataset raised."""
        taken: int = self.source.taken
        return taken


def generators_of(*users: Any) -> list[Generator]:
    """The default generator, and those that a loader and its samplers have of their own."""
    found = [default_generator]
    for user in users:
        generator = getattr(user, "generator", None)
        if isinstance(generator, Generator) and all(generator is not other for other in found):
            found.append(generator)
    return found


def states_of(generators: Sequence[Generator]) -> list[Tensor]:
    """Copies of their states."""
    return [generator.get_state() for generator in generators]


def set_states(generators: Sequence[Generator], states: Sequence[Tensor]) -> None:
    """Give each its state."""
    for generator, state in zip(generators, states, strict=True):
        generator.set_state(state)
