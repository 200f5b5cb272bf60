"""`torch.multiprocessing`: Python's own, and `spawn`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing import *  # noqa: F403
from typing import Any

__all__ = [*multiprocessing.__all__, "spawn"]


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> list[Any] | None:
    """Run ``fn(i, *args)`` in `nprocs` processes; the processes, or None after they have ended.

    Raises:
        RuntimeError: if one of them ends with an exit code other than 0.
    """
    context: Any = multiprocessing.get_context(start_method)
    started = [context.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs)]
    for process in started:
        process.start()
    if not join:
        return started
    for process in started:
        process.join()
    for i, process in enumerate(started):
        if process.exitcode:
            raise RuntimeError(f"spawn: process {i} ended with exit code {process.exitcode}")
    return None
