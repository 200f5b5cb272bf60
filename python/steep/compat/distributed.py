"""`torch.distributed`: one process, which is all there is."""

from __future__ import annotations

from typing import Any

__all__ = [
    "barrier",
    "destroy_process_group",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
]


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def get_rank(group: Any = None) -> int:
    """0."""
    return 0


def get_world_size(group: Any = None) -> int:
    """1."""
    return 1


def barrier(group: Any = None) -> None:
    """Nothing: there is no one to wait for."""


def destroy_process_group(group: Any = None) -> None:
    """Nothing."""


def init_process_group(*_: Any, **__: Any) -> None:
    """Refused.

    Raises:
        NotImplementedError: always; `steep.train.sweep` runs several trainings in processes.
    """
    raise NotImplementedError(
        "init_process_group: steep trains in one process; run without a launcher, or leave the "
        "call out where is_available() is False"
    )
