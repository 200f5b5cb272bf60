"""What a loader's worker thread can know about itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

__all__ = ["WorkerInfo", "get_worker_info"]

_local = threading.local()

# Stands for a batch when a stream of samples is exhausted.
END = object()


@dataclass(frozen=True)
class WorkerInfo:
    """What a loader's worker thread can know about itself.

    Attributes:
        id: number of this worker, from 0.
        num_workers: how many there are.
        seed: a number of its own, from the loader's generator, to seed what it draws from.
        dataset: the loader's dataset, one object shared by all workers.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


def get_worker_info() -> WorkerInfo | None:
    """The `WorkerInfo` of the worker thread this is called in; ``None`` in any other thread.

    Example:
        >>> import steep
        >>> steep.data.get_worker_info() is None
        True
    """
    info: WorkerInfo | None = getattr(_local, "info", None)
    return info


def set_worker_info(info: WorkerInfo) -> None:
    """Make `get_worker_info` return `info` in the calling thread from now on."""
    _local.info = info
