"""`torch.distributed`: one process, which is all there is.

Questions have the answers of a process on its own, so that branches for several are left out;
what would connect processes is refused.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NoReturn

from steep._core import Tensor

__all__ = [
    "Backend",
    "DistBackendError",
    "DistError",
    "DistNetworkError",
    "DistStoreError",
    "FileStore",
    "GroupMember",
    "HashStore",
    "PrefixStore",
    "ProcessGroup",
    "ReduceOp",
    "Store",
    "TCPStore",
    "Work",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "get_backend",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "is_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "new_group",
    "reduce",
    "scatter",
]


class ReduceOp(Enum):
    """How numbers of several processes become one; of one process they stay as they are."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4


class DistError(RuntimeError):
    """For `except` clauses: never raised."""


class DistBackendError(DistError):
    """For `except` clauses: never raised."""


class DistNetworkError(DistError):
    """For `except` clauses: never raised."""


class DistStoreError(DistError):
    """For `except` clauses: never raised."""


class _OfProcesses:
    """What connects processes: a name for annotations and `isinstance`, refused when made."""

    def __init__(self, *_: Any, **__: Any) -> None:
        _refuse(type(self).__name__)


class ProcessGroup(_OfProcesses):
    """Refused when made."""


class Work(_OfProcesses):
    """Refused when made."""


class Store(_OfProcesses):
    """Refused when made."""


class TCPStore(Store):
    """Refused when made."""


class FileStore(Store):
    """Refused when made."""


class HashStore(Store):
    """Refused when made."""


class PrefixStore(Store):
    """Refused when made."""


class Backend(str):
    """The name of a way to communicate."""

    UNDEFINED, GLOO, NCCL, MPI, UCC = "undefined", "gloo", "nccl", "mpi", "ucc"


class GroupMember:
    """The group of all processes, which is None here, and what stands for no group."""

    WORLD: Any = None
    NON_GROUP_MEMBER = object()


group = GroupMember


def _refuse(what: str) -> NoReturn:
    raise NotImplementedError(
        f"{what}: steep trains in one process; run without a launcher, or leave the call out where "
        "is_available() is False (steep.train.sweep runs several trainings in processes)"
    )


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_nccl_available() -> bool:
    """False."""
    return False


def is_gloo_available() -> bool:
    """False."""
    return False


def is_mpi_available() -> bool:
    """False."""
    return False


def is_torchelastic_launched() -> bool:
    """False."""
    return False


def get_rank(group: Any = None) -> int:
    """0."""
    return 0


def get_world_size(group: Any = None) -> int:
    """1."""
    return 1


def barrier(group: Any = None, *_: Any, **__: Any) -> None:
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


def broadcast_object_list(object_list: list[Any], src: int = 0, *_: Any, **__: Any) -> None:
    """Nothing: there is no one to send to."""


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False
) -> None:
    """Copies the tensor into the list's only one."""
    tensor_list[0].copy_(tensor)


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Puts the object into the list's only place."""
    object_list[0] = obj


def gather(
    tensor: Tensor, gather_list: list[Tensor] | None = None, dst: int = 0, *_: Any, **__: Any
) -> None:
    """Copies the tensor into the list's only one."""
    if gather_list:
        gather_list[0].copy_(tensor)


def scatter(
    tensor: Tensor, scatter_list: list[Tensor] | None = None, src: int = 0, *_: Any, **__: Any
) -> None:
    """Copies the list's only tensor."""
    if scatter_list:
        tensor.copy_(scatter_list[0])


def destroy_process_group(group: Any = None) -> None:
    """Nothing."""


def get_backend(group: Any = None) -> NoReturn:
    """Refused, as without `init_process_group`.

    Raises:
        ValueError: always.
    """
    raise ValueError("Default process group has not been initialized, please make sure to call "
                     "init_process_group.")  # fmt: skip


def init_process_group(*_: Any, **__: Any) -> NoReturn:
    """Refused.

    Raises:
        NotImplementedError: always; `steep.train.sweep` runs several trainings in processes.
    """
    _refuse("init_process_group")


def new_group(*_: Any, **__: Any) -> NoReturn:
    """Refused.

    Raises:
        NotImplementedError: always.
    """
    _refuse("new_group")
