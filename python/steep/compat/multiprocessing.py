"""`torch.multiprocessing`: Python's own, and `spawn`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing import *  # noqa: F403
from typing import Any

__all__ = [
    *multiprocessing.__all__,
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
]


def get_all_sharing_strategies() -> set[str]:
    """One: tensors are sent to other processes as copies, by pickle."""
    return {"file_system"}


def get_sharing_strategy() -> str:
    """'file_system'."""
    return "file_system"


def set_sharing_strategy(new_strategy: str) -> None:
    """Nothing: tensors are sent to other processes as copies.

    Raises:
        ValueError: for a strategy that PyTorch does not know either.
    """
    if new_strategy not in ("file_descriptor", "file_system"):
        raise ValueError(
            "set_sharing_strategy: expected 'file_descriptor' or 'file_system', got "
            f"{new_strategy!r}"
        )


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
