"""`torch.utils._foreach_utils`: lists of tensors, sorted by what they have in common."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor

__all__: list[str] = []

TensorListList = list[list[Tensor | None]]
Indices = list[int]
_foreach_supported_types = [Tensor]


def _get_foreach_kernels_supported_devices() -> list[str]:
    """None but the CPU, which PyTorch does not name here."""
    return []


def _get_fused_kernels_supported_devices() -> list[str]:
    return ["cpu"]


def _group_tensors_by_device_and_dtype(
    tensorlistlist: TensorListList, with_indices: bool = False
) -> dict[tuple[Any, Any], tuple[TensorListList, Indices]]:
    """The lists split alike, by device and dtype of the tensors in the first one.

    Raises:
        RuntimeError: if the lists that are not empty differ in length.
    """
    first = tensorlistlist[0]
    if any(len(tensors) not in (0, len(first)) for tensors in tensorlistlist):
        raise RuntimeError(
            "_group_tensors_by_device_and_dtype: expected lists of one length, or empty ones, got "
            f"{[len(tensors) for tensors in tensorlistlist]}"
        )
    groups: dict[tuple[Any, Any], tuple[TensorListList, Indices]] = {}
    for i, leader in enumerate(first):
        if leader is None:
            raise RuntimeError(
                "_group_tensors_by_device_and_dtype: expected tensors in the first list, got None"
            )
        key = leader.device, leader.dtype
        lists, indices = groups.setdefault(key, ([[] for _ in tensorlistlist], []))
        for tensors, mine in zip(tensorlistlist, lists, strict=True):
            if tensors:
                mine.append(tensors[i])
        if with_indices:
            indices.append(i)
    return groups


def _device_has_foreach_support(device: Any) -> bool:
    return True


def _has_foreach_support(tensors: list[Tensor], device: Any) -> bool:
    return all(t is None or type(t) in _foreach_supported_types for t in tensors)
