"""Which optimisers take a step while a function is being recorded."""

from __future__ import annotations

import threading
import weakref
from typing import Any

from steep._core import is_recording

__all__ = ["Steps", "begin", "note_preparation", "note_step"]

_local = threading.local()


class Steps(list[Any]):
    """The optimisers that took a step during a recording, in order of their first.

    It can be referred to weakly: it goes with the recording, however that ends.

    Attributes:
        prepared: whether one of them had state to make first, as in its first step.
    """

    __slots__ = ("__weakref__", "prepared")

    def __init__(self) -> None:
        super().__init__()
        self.prepared = False


def begin() -> Steps:
    """What gathers the optimisers which take a step in this thread while it records."""
    found = Steps()
    _local.optimizers = weakref.ref(found)
    return found


def _current() -> Steps | None:
    if not is_recording():
        return None
    refer = getattr(_local, "optimizers", None)
    found: Steps | None = None if refer is None else refer()
    return found


def note_step(optimizer: Any) -> None:
    """Say that an optimiser takes a step."""
    found = _current()
    if found is not None and not any(optimizer is other for other in found):
        found.append(optimizer)


def note_preparation() -> None:
    """Say that an optimiser makes state for the step that it is about to take."""
    found = _current()
    if found is not None:
        found.prepared = True
