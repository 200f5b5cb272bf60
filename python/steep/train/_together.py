"""Steps of several networks as one function, which is compiled: one program holds them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from steep._core import Generator, Tensor, draw_from, stack
from steep.train._feed import Block, Feed
from steep.train._measure import compiled
from steep.train._step import Core, total_of_group

__all__ = ["Outcome", "Together"]

_MOST_KINDS = 16  # of blocks whose functions are kept
_MOST_STEPS = 64  # of all networks in one function


class Outcome(NamedTuple):
    """What came of a network's steps, by step; see `Step`. What no step has is ``None``."""

    values: list[float]
    masses: list[float] | None
    norms: list[float] | None
    kept: list[Any] | None


class Together:
    """Takes steps of networks at once.

    Each network's step is what it would be alone, and draws from a generator of its own. The
    networks depend on each other in nothing, so that a program gives each to one thread as a whole.

    Args:
        cores: the networks' steps, of ``(x, y, weight)``.
        generators: what they draw from.
        feed: how their batches become arguments.
        compile: whether the function of all steps is compiled.
        name: of that function, for messages.
        most_steps: steps of each network that one function may hold.
        sums: by network, whether its loss is a sum, if steps are of several batches; then a
            function holds one step of each.
    """

    def __init__(
        self,
        cores: Sequence[Core],
        generators: Sequence[Generator],
        feed: Feed,
        *,
        compile: bool,
        name: str,
        most_steps: int = 4,
        sums: Sequence[bool] | None = None,
    ) -> None:
        self.cores, self.generators, self.feed = list(cores), list(generators), feed
        self.compile, self.name = compile, name
        self.length = max(1, min(most_steps, _MOST_STEPS // len(self.cores)))
        self.sums = sums
        if sums is not None:
            self.length = 1
        self._functions: dict[Any, Callable[..., Any]] = {}

    def run(self, block: Block) -> list[Outcome]:
        """The steps of a block; what came of them, by network."""
        function = self._function(tuple(block.members), block.counts, block.steps)
        outcomes = function(self.feed.arguments(block))
        found = [
            Outcome(values.tolist(), _listed(masses), _listed(norms), kept)
            for values, masses, norms, kept in outcomes
        ]
        return found if self.sums is None else self._totals(block, found)

    def _totals(self, block: Block, found: Sequence[Any]) -> list[Outcome]:
        """Loss and mass of a step of several batches."""
        totals: list[Outcome] = []
        sizes = self.feed.sizes(block)
        for k, counts, outcome in zip(block.members, sizes, found, strict=True):
            is_sum = self.sums is not None and self.sums[k]
            (values,), masses, norms, kept = outcome
            own = None if masses is None else masses[0]
            value, mass = total_of_group(values, own, counts, is_sum)
            totals.append(Outcome([value], None if mass is None else [mass], norms, kept))
        return totals

    def forget(self, member: int) -> None:
        """Drop the functions in which a network takes part that is to take no more steps."""
        for key in [key for key in self._functions if member in key[0]]:
            del self._functions[key]

    def _function(
        self, members: tuple[int, ...], counts: tuple[int, ...], steps: int
    ) -> Callable[..., Any]:
        key = (members, counts, steps)
        function = self._functions.pop(key, None)
        if function is None:
            function = self._made(members, counts, steps)
        self._functions[key] = function  # now the last one
        while len(self._functions) > _MOST_KINDS:
            del self._functions[next(iter(self._functions))]
        return function

    def _made(
        self, members: tuple[int, ...], counts: tuple[int, ...], steps: int
    ) -> Callable[..., Any]:
        part = self.feed.part
        cores = [self.cores[k] for k in members]
        generators = [self.generators[k] for k in members]
        in_groups = self.sums is not None

        def step_of_all(arguments: Any) -> list[Any]:
            outcomes = []
            for k, core in enumerate(cores):
                own = []
                for step in range(steps):
                    given = part(arguments, step, k, counts)
                    given = (given,) if in_groups else given
                    value, mass, norm, kept = draw_from(generators[k], core, *given)
                    value = value.detach()
                    own.append((value if in_groups else value.reshape(()), mass, norm, kept))
                values, masses, norms, kept_all = zip(*own, strict=True)
                some = None if kept_all[0] is None else list(kept_all)
                outcomes.append((stack(values), _stacked(masses), _stacked(norms), some))
            return outcomes

        return compiled(step_of_all, self.name) if self.compile else step_of_all


def _stacked(numbers: Sequence[Tensor | None]) -> Tensor | None:
    """One tensor of them all, for one look at its memory; ``None`` if there are none."""
    there = [x for x in numbers if x is not None]
    return stack(there) if there else None


def _listed(found: Tensor | None) -> list[Any] | None:
    return None if found is None else found.tolist()
