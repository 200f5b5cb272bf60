"""Which optimisers take a step while a function is being recorded."""

from __future__ import annotations

import threading
import weakref
from typing import Any

from steep._core import is_recording

__all__ = ["begin", "note_step"]

_local = threading.local()


class _Found(list[Any]):
    """A list that can be referred to weakly: it goes with the recording, however that ends."""

    __slots__ = ("__weakref__",)


def begin() -> list[Any]:
    """A list that gathers the optimisers which take a step in this thread while it records."""
    found = _Found()
    _local.optimizers = weakref.ref(found)
    return found


def note_step(optimizer: Any) -> None:
    """Say that an optimiser takes a step."""
    if not is_recording():
        return
    refer = getattr(_local, "optimizers", None)
    found = None if refer is None else refer()
    if found is not None and not any(optimizer is other for other in found):
        found.append(optimizer)
