"""Where a loader is in its epoch, so that another can go on from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from steep._core import Generator, Tensor, default_generator, get_rng_state, set_rng_state

__all__ = ["Count", "Position", "Stream", "generators_of", "set_states", "states_of"]


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


class Stream(Protocol):
    """What random numbers are drawn from."""

    def get_state(self) -> Tensor:
        """A copy of its state."""

    def set_state(self, state: Tensor, /) -> Any:
        """Go on from a state."""


class _Default:
    """The generator from which this thread draws by default: within `draw_from`, what that says."""

    get_state = staticmethod(get_rng_state)
    set_state = staticmethod(set_rng_state)


_DEFAULT = _Default()


def generators_of(*users: Any) -> list[Stream]:
    """The default generator, and those that a loader and its samplers have of their own."""
    found: list[Stream] = [_DEFAULT]
    for user in users:
        generator = getattr(user, "generator", None)
        if generator is default_generator or not isinstance(generator, Generator):
            continue
        if all(generator is not other for other in found):
            found.append(generator)
    return found


def states_of(generators: Sequence[Stream]) -> list[Tensor]:
    """Copies of their states."""
    return [generator.get_state() for generator in generators]


def set_states(generators: Sequence[Stream], states: Sequence[Tensor]) -> None:
    """Give each its state."""
    for generator, state in zip(generators, states, strict=True):
        generator.set_state(state)
