"""`torch.backends.openmp`: not there; steep's kernels are its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

enabled = False


def is_available() -> bool:
    """False."""
    return False


@contextmanager
def flags(**_: Any) -> Iterator[None]:
    """A context that changes nothing."""
    yield
