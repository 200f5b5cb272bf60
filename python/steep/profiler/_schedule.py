"""Which steps of a loop a profile records, and where their traces go: PyTorch's schedules."""

from __future__ import annotations

import enum
import gzip
import os
import shutil
import socket
import time
from collections.abc import Callable
from typing import Any

__all__ = ["ProfilerAction", "schedule", "tensorboard_trace_handler"]


class ProfilerAction(enum.Enum):
    """What a profile does in one step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """Cycles of steps that are waited for, warmed up, and recorded, for `profile`.

    Nothing is recorded while the profile waits or warms up. The trace of a cycle is ready when its
    last active step has ended.

    Args:
        wait: how many steps pass first in each cycle.
        warmup: how many steps pass then.
        active: how many are recorded; at least 1.
        repeat: how many cycles there are; 0: until the end. Default: 0.
        skip_first: how many steps pass before the first cycle. Default: 0.
        skip_first_wait: not 0: the first cycle begins without its `wait`. Default: 0.

    Returns:
        A function of the step's number, from 0, that gives a `ProfilerAction`.

    Raises:
        ValueError: for numbers below 0, and an `active` of 0.

    Example:
        >>> import steep
        >>> plan = steep.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
        >>> [plan(step).name for step in range(5)]
        ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, active - 1, repeat, skip_first, skip_first_wait) < 0:
        raise ValueError(
            "schedule: expected an active of at least 1 and other numbers of at least 0, got "
            f"wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, "
            f"skip_first={skip_first}, skip_first_wait={skip_first_wait}"
        )
    length = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        at = step - skip_first + (wait if skip_first_wait else 0)
        if repeat and at // length >= repeat:
            return ProfilerAction.NONE
        place = at % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < length - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(
    dir_name: str | os.PathLike[str], worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[Any], None]:
    """For `on_trace_ready`: a trace file for each cycle, in a folder that TensorBoard reads.

    Args:
        dir_name: the folder, which is made where it does not exist.
        worker_name: what the files' names begin with. Default: the machine's name and the
            process's number.
        use_gzip: compress the files. Default: ``False``.

    Returns:
        A function of the profile that writes the file, whole or not at all.

    Raises:
        OSError: when called, if the folder cannot be made or written to.

    Example:
        >>> import os, steep, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> handler = steep.profiler.tensorboard_trace_handler(folder, "worker0")
        >>> with steep.profiler.profile(on_trace_ready=handler):
        ...     _ = steep.ones(3).exp()
        >>> [name.split(".")[0] for name in os.listdir(folder)]
        ['worker0']
    """

    def handle(prof: Any) -> None:
        folder = os.fspath(dir_name)
        os.makedirs(folder, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        path = os.path.join(folder, f"{worker}.{time.time_ns()}.pt.trace.json")
        prof.export_chrome_trace(path)
        if use_gzip:
            with open(path, "rb") as plain, gzip.open(f"{path}.part", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            os.replace(f"{path}.part", f"{path}.gz")
            os.remove(path)

    return handle
