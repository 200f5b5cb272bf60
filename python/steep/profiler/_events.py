"""What a profile keeps of each launch and each range."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NamedTuple

__all__ = ["Event", "events_of", "work_within"]


class Event(NamedTuple):
    """One launch of a kernel, or a range of time that holds others of its thread.

    Attributes:
        name: the kernel; of a range, the layer, the pass, the optimiser's step, or the name given
            to `record_function`.
        kind: ``'kernel'``, or for ranges ``'layer'`` (one call of a module), ``'phase'`` (a
            backward pass, an optimiser's step) or ``'range'`` (the user's).
        layer: path of the module in whose forward it was launched, as `named_modules` gives it,
            in the backward pass that of the forward operation it belongs to; ``None`` outside of
            any module.
        phase: ``'backward'``, ``'optimizer'``, or ``'forward'`` for all else.
        dtype: the kernel's compute type, such as ``'float32'``; empty for a range.
        shape: of the first operand, which is the result where there is one.
        start_ns: beginning, in nanoseconds since the profile began.
        duration_ns: nanoseconds.
        threads: how many it was split over, at most (fewer where others are at work).
        bytes: size of all operands.
        flops: floating-point operations, by the kernel's own estimate.
        thread: number of the thread that launched it.

    Example:
        >>> import steep
        >>> with steep.profiler.profile() as prof:
        ...     _ = steep.ones(2, 3).exp()
        >>> event = prof.events[-1]
        >>> event.name, event.kind, event.dtype, event.shape, event.bytes
        ('exp', 'kernel', 'float32', (2, 3), 48)
    """

    name: str
    kind: str
    layer: str | None
    phase: str
    dtype: str
    shape: tuple[int, ...]
    start_ns: int
    duration_ns: int
    threads: int
    bytes: int
    flops: int
    thread: int

    @property
    def end_ns(self) -> int:
        """The end, in nanoseconds since the profile began."""
        return self.start_ns + self.duration_ns


# Of ranges that begin and end together, the wider kind comes first.
_WIDTH = {"range": 0, "phase": 1, "layer": 2, "kernel": 3}


def events_of(rows: Iterable[tuple[Any, ...]], shapes: bool) -> list[Event]:
    """The engine's rows in order of their beginnings, a range before what it holds."""
    events = [Event(*row) for row in rows]
    if not shapes:
        events = [event._replace(shape=()) for event in events]
    return sorted(events, key=lambda e: (e.start_ns, -e.duration_ns, _WIDTH[e.kind]))


def work_within(events: list[Event], ranges: list[Event]) -> list[tuple[int, int]]:
    """Bytes and flops of the kernels inside each range, on its thread."""
    kernels: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.kind == "kernel":
            kernels[event.thread].append(event)
    # Kernels of one thread follow each other, so those inside a range are neighbours.
    starts = {thread: [e.start_ns for e in found] for thread, found in kernels.items()}
    sums = {
        thread: (
            list(accumulate((e.bytes for e in found), initial=0)),
            list(accumulate((e.flops for e in found), initial=0)),
        )
        for thread, found in kernels.items()
    }
    work = []
    for outer in ranges:
        if outer.thread not in starts:
            work.append((0, 0))
            continue
        first = bisect_left(starts[outer.thread], outer.start_ns)
        last = bisect_right(starts[outer.thread], outer.end_ns)
        moved, computed = sums[outer.thread]
        work.append((moved[last] - moved[first], computed[last] - computed[first]))
    return work
