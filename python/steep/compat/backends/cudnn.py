"""`torch.backends.cudnn`: switches that may be set, and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

enabled = False
benchmark = False
deterministic = True
allow_tf32 = False


def is_available() -> bool:
    """False."""
    return False


def version() -> None:
    """There is none."""


@contextmanager
def flags(**_: Any) -> Iterator[None]:
    """A context that changes nothing."""
    yield
