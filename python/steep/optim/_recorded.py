"""Which optimisers take a step while a function is being recorded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["collect", "note_step"]

_local = threading.local()


@contextlib.contextmanager
def collect() -> Iterator[list[Any]]:
    """Gather the optimisers that take a step in this thread within the block."""
    found: list[Any] = []
    _local.optimizers = found
    try:
        yield found
    finally:
        _local.optimizers = None


def note_step(optimizer: Any) -> None:
    """Say that an optimiser takes a step."""
    found = getattr(_local, "optimizers", None)
    if found is not None and not any(optimizer is other for other in found):
        found.append(optimizer)
