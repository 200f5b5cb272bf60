"""`torch.distributed`: one process, which is all there is."""

from __future__ import annotations

from enum import Enum
from typing import Any

from steep._core import Tensor

__all__ = [
    "ReduceOp",
    "all_gather",
    "all_reduce",
    "barrier",
    "broadcast",
    "destroy_process_group",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
    "reduce",
]


class ReduceOp(Enum):
    """How numbers of several processes become one; of one process they stay as they are."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4


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


def all_reduce(
    tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> None:
    """Nothing: the only process has all there is."""


def reduce(
    tensor: Tensor, dst: int = 0, op: ReduceOp = ReduceOp.SUM, group: Any = None, **_: Any
) -> None:
    """Nothing: the only process has all there is."""


def broadcast(tensor: Tensor, src: int = 0, group: Any = None, async_op: bool = False) -> None:
    """Nothing: there is no one to send to."""


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False
) -> None:
    """Copies the tensor into the list's only one."""
    tensor_list[0].copy_(tensor)


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
