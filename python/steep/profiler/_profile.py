"""`profile`: what runs between its start and its end."""

from __future__ import annotations

import enum
import os
import weakref
from collections.abc import Callable, Iterable

from steep._core import profile_abandon, profile_start, profile_stop
from steep._layers import follow, unfollow
from steep.profiler import _chrome
from steep.profiler._averages import (
    LAYER_COLUMNS,
    OPERATION_COLUMNS,
    Averages,
    sum_up,
    time_text,
)
from steep.profiler._events import Event, events_of, work_within
from steep.profiler._schedule import ProfilerAction

__all__ = ["ProfilerActivity", "profile"]


class ProfilerActivity(enum.Enum):
    """What can be profiled: there is only the CPU."""

    CPU = "cpu"


class profile:  # noqa: N801  # PyTorch's name
    """Record every launch of the process, by whichever thread, until the end of the block.

    One profile runs at a time. Modules' calls, backward passes and optimisers' steps are recorded
    as ranges around the launches, as is what `record_function` names. Paths of layers are those of
    `named_modules` for the first model that is called; those of further ones begin with the name
    of their class. A layer and the activation computed with it in one launch are called ``'0+1'``.

    Recording takes a few hundred nanoseconds a launch, a few microseconds a module's call, and some
    600 bytes for each: a few steps tell as much as a whole training run.

    Args:
        activities: for PyTorch's sake: ``None`` (the default) or ``[ProfilerActivity.CPU]``.
        schedule: which steps are recorded, each ended by `step`; see `profiler.schedule`. Results
            are those of the last cycle. Default: all that runs in the block.
        on_trace_ready: called with the profile when it, or a cycle of its schedule, has ended
            without an exception.
        record_shapes: whether events keep the shape of their first operand. Default: ``True``.
        profile_memory, with_stack, with_flops, with_modules: PyTorch's arguments, without effect:
            bytes, flops and layers are always there, allocations and stacks never.

    Attributes:
        events: all that was recorded, in order of the beginnings; see `Event`.
        step_num: how often `step` was called.
        total_time: seconds from start to end.
        kernel_time: seconds spent in kernels, added up over the threads that launched them.

    Raises:
        RuntimeError: on entering, if a profile is already running or this one has run; on reading
            results before the end.
        ValueError: on other activities.

    Example:
        >>> import steep
        >>> with steep.profiler.profile() as prof:
        ...     y = steep.ones(3, 3) @ steep.ones(3, 3)
        >>> [event.name for event in prof.events]
        ['fill', 'fill', 'gemm']
        >>> prof.kernel_time <= prof.total_time
        True
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], object] | None = None,
        record_shapes: bool = True,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
    ) -> None:
        if activities is not None and set(activities) != {ProfilerActivity.CPU}:
            raise ValueError(
                "profile: expected activities to be None or [ProfilerActivity.CPU], the only one"
            )
        self._record_shapes = record_shapes
        self._on_trace_ready = on_trace_ready
        self._schedule = schedule
        self.step_num = 0
        self._action = ProfilerAction.RECORD if schedule is None else ProfilerAction.NONE
        self._state = "new"  # then "running" and "ended", or "waiting" between a schedule's cycles
        self._events: list[Event] = []
        self._duration_ns = 0
        self._thread = 0

    # ---- running ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; what entering the block does."""
        if self._state != "new":
            raise RuntimeError(
                "profile: expected a new profile, got one that has run; make another for each block"
            )
        if self._schedule is not None:
            self._action = self._schedule(0)
        if self._action in _RECORDING:
            self._record()
        else:
            self._state = "waiting"

    def _record(self) -> None:
        global _running
        self._thread = profile_start()
        follow()
        self._state = "running"
        _running = weakref.ref(self)

    def stop(self) -> None:
        """End; what leaving the block does. A profile that records tells `on_trace_ready`."""
        if self._state not in ("running", "waiting"):
            raise RuntimeError("profile: expected stop() after start(), but it is not running")
        self._end(self._on_trace_ready)

    def _end(self, ready: Callable[[profile], object] | None) -> None:
        recorded = self._state == "running"
        if recorded:
            self._keep()
        self._state = "ended"
        if recorded and ready is not None:
            ready(self)

    def step(self) -> None:
        """Ends a step of the loop: the schedule says whether the next one is recorded.

        Example:
            >>> import steep
            >>> traces = []
            >>> with steep.profiler.profile(
            ...     schedule=steep.profiler.schedule(wait=1, warmup=0, active=2, repeat=1),
            ...     on_trace_ready=lambda prof: traces.append([e.name for e in prof.events]),
            ... ) as prof:
            ...     for function in (steep.exp, steep.log, steep.sqrt, steep.sin):
            ...         _ = function(steep.ones(3))
            ...         prof.step()
            >>> traces
            [['fill', 'log', 'fill', 'sqrt']]
        """
        if self._state not in ("running", "waiting"):
            raise RuntimeError(
                "profile: expected step() inside of the block, but it is not running"
            )
        self.step_num += 1
        if self._schedule is None:
            return
        before, self._action = self._action, self._schedule(self.step_num)
        ends = before is ProfilerAction.RECORD_AND_SAVE or self._action not in _RECORDING
        if self._state == "running" and ends:
            self._keep()
            if self._on_trace_ready is not None:
                self._on_trace_ready(self)
        if self._action in _RECORDING and self._state == "waiting":
            self._record()

    def _keep(self) -> None:
        """Ends the recording, and keeps what it has."""
        self._state = "waiting"
        unfollow()
        self._duration_ns, rows = profile_stop()
        self._events = events_of(rows, self._record_shapes)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        if self._state in ("running", "waiting"):
            self._end(self._on_trace_ready if kind is None else None)

    def __del__(self) -> None:
        # Started and forgotten: the next profile must not find it running.
        if getattr(self, "_state", "") == "running":
            self._end(None)

    def _forget(self) -> None:
        """In a forked child: the profile goes on in the parent."""
        if self._state == "running":
            self._state = "ended"
            unfollow()

    # ---- results ----------------------------------------------------------------------------

    def _ended(self) -> list[Event]:
        if self._state in ("new", "running"):
            what = "is still running" if self._state == "running" else "has not run"
            raise RuntimeError(
                f"profile: it {what}; read its results after the with block, or after stop()"
            )
        return self._events

    @property
    def events(self) -> list[Event]:
        """All that was recorded, in order of the beginnings; a range before what it holds."""
        return list(self._ended())

    @property
    def total_time(self) -> float:
        """Seconds from start to end."""
        self._ended()
        return self._duration_ns / 1e9

    @property
    def kernel_time(self) -> float:
        """Seconds spent in kernels, added up over the threads that launched them."""
        return sum(event.duration_ns for event in self._kernels()) / 1e9

    def _kernels(self) -> list[Event]:
        return [event for event in self._ended() if event.kind == "kernel"]

    def key_averages(self, group_by_input_shape: bool = False) -> Averages:
        """Launches by operation.

        Args:
            group_by_input_shape: tell first operands of different shapes apart; keys are then
                such as ``'exp [2, 3]'``. Default: ``False``.

        Example:
            >>> import steep
            >>> with steep.profiler.profile() as prof:
            ...     _ = steep.ones(2, 3).exp(), steep.ones(4).exp()
            >>> [(row.key, row.calls) for row in prof.key_averages()]
            [('fill', 2), ('exp', 2)]
            >>> "exp [2, 3]" in prof.key_averages(group_by_input_shape=True)
            True
        """
        kernels = self._kernels()
        keyed = (
            (f"{e.name} {list(e.shape)}" if group_by_input_shape else e.name, e) for e in kernels
        )
        return self._averages("operation", keyed, OPERATION_COLUMNS)

    def by_layer(self) -> Averages:
        """Launches by layer, forward and backward.

        Those outside of any layer are listed under their phase, such as ``'(optimizer)'``.

        Example:
            >>> import steep
            >>> net = steep.nn.Sequential(steep.nn.Linear(4, 3), steep.nn.Linear(3, 2))
            >>> with steep.profiler.profile() as prof:
            ...     _ = net(steep.ones(1, 4))
            >>> [row.key for row in prof.by_layer()]
            ['(forward)', '0', '1']
        """
        keyed = ((e.layer or f"({e.phase})", e) for e in self._kernels())
        return self._averages("layer", keyed, LAYER_COLUMNS)

    def by_range(self) -> Averages:
        """Ranges named by `record_function`, with the bytes and flops of what ran inside.

        Shares are of the whole block, and ranges inside each other count in each.
        """
        ranges = [event for event in self._ended() if event.kind == "range"]
        worked = [
            (event.name, event._replace(bytes=moved, flops=computed))
            for event, (moved, computed) in zip(
                ranges, work_within(self._events, ranges), strict=True
            )
        ]
        return Averages(
            "range", sum_up(worked), OPERATION_COLUMNS, self._duration_ns, self._summary()
        )

    def _averages(
        self, title: str, keyed: Iterable[tuple[str, Event]], columns: tuple[str, ...]
    ) -> Averages:
        rows = sum_up(keyed)
        whole = sum(row.total_ns for row in rows)
        return Averages(title, rows, columns, whole, self._summary())

    def _summary(self) -> str:
        kernels = self._kernels()
        spent = sum(event.duration_ns for event in kernels)
        share = f"{spent / self._duration_ns:.1%}" if self._duration_ns else "-"
        return (
            f"{len(kernels)} launches: {time_text(spent)} in kernels, {share} of "
            f"{time_text(self._duration_ns)}"
        )

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write a JSON file that chrome://tracing and https://ui.perfetto.dev show.

        Launches and ranges are complete events, by thread, with microseconds since the start;
        launches carry bytes, flops, shape and layer. The file appears whole or not at all.

        Raises:
            FileNotFoundError: if the folder does not exist.
            OSError: if the file cannot be written; what was there before is untouched.

        Example:
            >>> import json, os, pathlib, steep, tempfile
            >>> with steep.profiler.profile() as prof:
            ...     _ = steep.ones(3).exp()
            >>> path = os.path.join(tempfile.mkdtemp(), "trace.json")
            >>> prof.export_chrome_trace(path)
            >>> trace = json.loads(pathlib.Path(path).read_text())
            >>> [event["name"] for event in trace["traceEvents"] if event["ph"] == "X"]
            ['profile', 'fill', 'exp']
        """
        _chrome.export(self._ended(), self._duration_ns, self._thread, os.fspath(path))


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
_running: weakref.ref[profile] | None = None


def _after_fork() -> None:
    profile_abandon()
    running = _running() if _running is not None else None
    if running is not None:
        running._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
