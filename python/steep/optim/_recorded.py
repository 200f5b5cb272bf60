"""Which optimisers take a step while a function is being recorded."""

from __future__ import annotations

import threading
from typing import Any

from steep._core import is_recording

__all__ = ["begin", "note_step"]

_local = threading.local()


def begin() -> list[Any]:
    """A list that gathers the optimisers which take a step in this thread while it records."""
    found: list[Any] = []
    _local.optimizers = found
    return found


def note_step(optimizer: Any) -> None:
    """Say that an optimiser takes a step."""
    if not is_recording():
        return
    found = getattr(_local, "optimizers", None)
    if found is not None and not any(optimizer is other for other in found):
        found.append(optimizer)
