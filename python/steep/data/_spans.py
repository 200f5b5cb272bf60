"""The batches of an epoch as spans of the order in which its samples are visited."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

from steep._core import Generator, Tensor, as_tensor, cat
from steep.data._draws import Draws
from steep.data._epoch import IteratorTasks, Tasks
from steep.data._position import set_states
from steep.data.sampler import BatchSampler, OrderedSampler

__all__ = ["Span", "batch_tasks", "sample_tasks"]


class Span(NamedTuple):
    """The indices ``order[start:stop]`` of an int64 buffer."""

    order: Any
    start: int
    stop: int

    def indices(self) -> list[int]:
        """As a list."""
        found: list[int] = self.order[self.start : self.stop].tolist()
        return found

    @staticmethod
    def of(task: Any) -> Span:
        """A task as a span, if it is none yet: the indices that a batch sampler yields."""
        if isinstance(task, Span):
            return task
        flat = task.tolist() if isinstance(task, Tensor) else task
        order = array("q", map(int, flat))
        return Span(order, 0, len(order))


def batch_tasks(batch_sampler: Any) -> Tasks:
    """The batches of one epoch, drawn when the first is asked for.

    Those of steep's samplers are spans, which share the blocks that the order is drawn in; of
    others, what they yield.
    """
    if type(batch_sampler).__iter__ is BatchSampler.__iter__ and _is_ordered(batch_sampler.sampler):
        return _Spans(batch_sampler.sampler, batch_sampler.batch_size, batch_sampler.drop_last)
    return _Yielded(batch_sampler, getattr(batch_sampler, "sampler", None))


def sample_tasks(sampler: Any) -> Tasks:
    """Single samples, as `batch_tasks` for batches: spans of one index, or what is yielded."""
    return _Spans(sampler, 1, False) if _is_ordered(sampler) else _Yielded(sampler, None)


class _Spans(Tasks):
    """Spans of what a sampler draws in blocks."""

    def __init__(self, sampler: OrderedSampler, size: int, drop_last: bool) -> None:
        self._sampler = sampler
        self._size = size
        self._least = size if drop_last else 1
        self._draws: Draws | None = None
        # The block at hand, the place in it, how many indices have been drawn and batches done: one
        # value, so that whatever interrupts an assignment, they go together.
        self._place: tuple[Any, int, int, int] = (array("q"), 0, 0, 0)

    @property
    def taken(self) -> int:  # type: ignore[override]
        """How many batches are done."""
        return self._place[3]

    def current(self) -> Span:
        if self._draws is None:
            self._draws = self._sampler.draws()
        block, at, drawn, _ = self._place
        if len(block) - at < self._size and drawn < self._draws.total:
            self._draw(self._draws)
            block, at, _, _ = self._place
        if len(block) - at < self._least:
            raise StopIteration
        return Span(block, at, min(at + self._size, len(block)))

    def _draw(self, draws: Draws) -> None:
        """Have a block that holds the next batch, after what is left of the last one."""
        touched = draws.touched()
        before = [generator.get_state() for generator in touched]
        try:
            block, at, drawn, taken = self._place
            pieces = [] if at == len(block) else [as_tensor(block[at:])]
            missing = self._size - (len(block) - at)
            while missing > 0 and drawn < draws.total:
                pieces.append(draws.block(drawn, missing))
                drawn += len(pieces[-1])
                missing -= len(pieces[-1])
            block = pieces[0] if len(pieces) == 1 else cat([as_tensor(x) for x in pieces])
            self._place = (block, 0, drawn, taken)
        except BaseException:  # the next attempt draws the same
            set_states(touched, before)
            raise

    def done(self) -> None:
        block, at, drawn, taken = self._place
        self._place = (block, min(at + self._size, len(block)), drawn, taken + 1)

    def held(self) -> Generator | None:
        return None if self._draws is None else self._draws.held(self._place[2])


class _Yielded(IteratorTasks):
    """What a sampler yields that is not steep's, perhaps around one that is."""

    def __init__(self, sampler: Iterable[Any], inner: Any) -> None:
        super().__init__(iter(sampler))
        self._inner: OrderedSampler | None = inner if _is_ordered(inner) else None

    def held(self) -> Generator | None:
        # How much of it has been drawn, the one around it alone knows.
        return None if self._inner is None else self._inner.draws().held(1)


def _is_ordered(sampler: Any) -> bool:
    # A subclass that has its own __iter__ but inherits draws() means the former.
    home = OrderedSampler.__module__
    return isinstance(sampler, OrderedSampler) and type(sampler).__module__ == home
