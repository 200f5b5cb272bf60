"""The optimisers: one row a class. tests/test_optim.py and its neighbours are loops over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Settings = dict[str, Any]


@dataclass(frozen=True)
class Optimizer:
    """One class of steep.optim; its reference is the class of the same name in the reference.

    Attributes:
        settings: Those that it is tried with: against the reference in both dtypes, with
            parameters that wait, resumed from a state dict, and compiled.
        bad: Settings that it refuses, and a part of what it says.
        state: The names of what it keeps of a parameter's shape, each with settings that it is
            kept with.
        others: The names of what it keeps of other shapes, besides the count of steps.
        bench: The settings of the step that is timed, with torch too.
        training: Those that networks are trained with in tests of replays and threads; empty: the
            first of `settings`.
        matrices: Whether it takes matrices alone.
        searches: Whether its step calls a closure.
    """

    settings: tuple[Settings, ...]
    bad: tuple[tuple[Settings, str], ...]
    state: dict[str, Settings] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    bench: Settings = field(default_factory=dict)
    training: Settings = field(default_factory=dict)
    matrices: bool = False
    searches: bool = False

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of parameters that it is tried with."""
        return [(3, 4), (5, 2), (1, 3)] if self.matrices else [(3, 4), (5,), ()]

    def takes(self, params: Iterable[Any]) -> list[Any]:
        """Those parameters of a network that it is for."""
        return [p for p in params if not self.matrices or p.dim() == 2]
