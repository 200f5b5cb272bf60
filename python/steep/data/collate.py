"""How a list of samples becomes a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from steep._core import Tensor, as_tensor, float64, stack, tensor

__all__ = ["default_collate", "default_convert"]


def _is_numpy(value: Any) -> bool:
    # By name: looking must not import NumPy.
    return type(value).__module__ == "numpy"


def default_collate(batch: Sequence[Any]) -> Any:
    """Join samples along a new first dimension, through nested dicts, tuples and lists.

    Tensors and arrays are stacked, numbers become a tensor (floats float64, ints int64), strings
    and bytes stay as they are. Tuples of samples become a list with one batch per position.

    Args:
        batch: samples of one structure.

    Raises:
        TypeError: if a sample holds anything else.
        RuntimeError: if samples differ in length.

    Example:
        >>> import steep
        >>> x, y = steep.data.default_collate([(steep.zeros(2), 1), (steep.ones(2), 0)])
        >>> x.tolist(), y.tolist()
        ([[0.0, 0.0], [1.0, 1.0]], [1, 0])
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch))
    if _is_numpy(first):
        return _collate_numpy(batch)
    if isinstance(first, float):
        return tensor(list(batch), dtype=float64)
    if isinstance(first, int):
        return tensor(list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        joined = {key: default_collate([sample[key] for sample in batch]) for key in first}
        try:
            return type(first)(joined)  # type: ignore[call-arg]
        except TypeError:
            return joined
    if isinstance(first, Sequence):
        return _collate_sequence(batch, first)
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first)}"
    )


def _collate_numpy(batch: Sequence[Any]) -> Tensor:
    if getattr(batch[0], "shape", None) == ():
        return as_tensor([value.item() for value in batch], dtype=as_tensor(batch[0]).dtype)
    return stack([as_tensor(value) for value in batch])


def _collate_sequence(batch: Sequence[Any], first: Sequence[Any]) -> Any:
    size = len(first)
    if any(len(sample) != size for sample in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    columns = [default_collate(column) for column in zip(*batch, strict=True)]
    if isinstance(first, tuple):
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    try:
        return type(first)(columns)  # type: ignore[call-arg]
    except TypeError:
        return columns


def default_convert(data: Any) -> Any:
    """Turn NumPy arrays within a sample into tensors; what a loader without batches does.

    Example:
        >>> import steep
        >>> steep.data.default_convert({"id": 3})
        {'id': 3}
    """
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if _is_numpy(data):
        return as_tensor(data)
    if isinstance(data, Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, (tuple, list)):
        return [default_convert(value) for value in data]
    return data
