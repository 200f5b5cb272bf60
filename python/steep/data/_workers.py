"""What a loader's worker thread can know about itself."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from steep._core import get_rng_state, set_rng_state

__all__ = ["WorkerInfo", "get_worker_info"]

_local = threading.local()

_streams = threading.Lock()

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


@contextmanager
def streams_kept() -> Iterator[None]:
    """Undo afterwards what is done to the process's streams of random numbers.

    A program for PyTorch seeds them in `worker_init_fn`, where each worker is a process with
    streams of its own. Here they are those of the training loop, which waits meanwhile.
    """
    with _streams:
        numpy = sys.modules.get("numpy")
        own, python = get_rng_state(), random.getstate()
        array = numpy.random.get_state() if numpy is not None else None
        try:
            yield
        finally:
            set_rng_state(own)
            random.setstate(python)
            if numpy is not None:
                numpy.random.set_state(array)
