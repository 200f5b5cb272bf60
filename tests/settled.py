"""Readings of what the whole process shares, once nothing is left of the tests before.

A test runs after any other, in any process. What that other leaves behind goes when the collector
happens to run, or when the threads of a loader that it dropped in the middle of an epoch end: in
the middle of a measurement, unless both are waited for before it begins.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

import steep


def wait_until(condition: Callable[[], bool], seconds: float = 300.0) -> bool:
    """Whether `condition` has come true, in so many seconds at the most."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def data_threads() -> list[threading.Thread]:
    """The threads of loaders that are alive."""
    return [t for t in threading.enumerate() if t.name.startswith("steep-data")]


def collect() -> None:
    """Collect the garbage, and what its end has made garbage in its turn."""
    for _ in range(10):
        if not gc.collect():
            break


def settle() -> None:
    """Return once there is no garbage and no loader's thread; what is in use stays in use."""
    collect()  # iterators among it, whose threads end then
    if data_threads():
        assert wait_until(lambda: not data_threads()), "a test before has left a loader in use"
        collect()


def allocated() -> int:
    """Bytes of memory that tensors hold now."""
    return int(steep.memory_stats()["allocated_bytes"])


def settled() -> int:
    """`allocated`, after `settle`: where a measurement begins."""
    settle()
    return allocated()
