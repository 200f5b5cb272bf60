"""Batches of whatever a user gives as a training or validation part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from steep._core import Generator, Tensor, dtype, float64
from steep.data.dataset import IterableDataset
from steep.data.loader import DataLoader
from steep.data.sampler import RandomSampler
from steep.train._arrays import check_finite, tensors_in, to_tensors
from steep.train._batches import Batches, LoadedBatches, Parts, RowBatches, row_parts

__all__ = ["batches_of", "parts_of"]


def batches_of(who: str, what: str, data: Any, **settings: Any) -> Batches:
    """The batches of a loader, a dataset, a tuple of arrays, or of anything that yields batches.

    Args:
        who: the public function, for messages.
        what: its argument, for messages.
        data: what was given for it.
        **settings: `batch_size` of what is not in batches yet; `floating`, the dtype of the model,
            for arrays that are no tensors; `shuffle`, whether samples come in a new random order in
            each pass, where `data` has none; `generator`, the source of the shuffling.

    Raises:
        TypeError: if `data` is nothing of the kind.
        ValueError: if there is nothing in it, or its lengths differ.
    """
    made = _batches_of(who, what, data, **settings)
    made.what = what
    return made


def _batches_of(
    who: str,
    what: str,
    data: Any,
    *,
    batch_size: int,
    floating: dtype,
    shuffle: bool,
    generator: Generator | None = None,
) -> Batches:
    if isinstance(data, tuple):
        return _of_parts(parts_of(who, what, data, floating), batch_size, shuffle, generator)
    if isinstance(data, DataLoader):
        made = RowBatches.of_loader(data) or LoadedBatches(data, who)
        return _not_empty(who, what, made)
    if isinstance(data, (str, bytes, dict, Tensor)) or hasattr(data, "__array__"):
        raise TypeError(
            f"{who}: expected {what} to be a DataLoader, a dataset or a tuple (x, y) or "
            f"(x, y, weight) of arrays, got {type(data).__name__}"
        )
    if isinstance(data, Iterator):
        raise TypeError(
            f"{who}: expected {what} to begin anew in each epoch, got an iterator "
            f"({type(data).__name__}), which ends with the first; give a DataLoader, or an object "
            "whose __iter__ makes one"
        )
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, list):
        return _of_dataset(who, what, data, batch_size, shuffle, generator)
    if isinstance(data, IterableDataset):
        return LoadedBatches(DataLoader(data, batch_size), who)
    if isinstance(data, Iterable) and not isinstance(data, list):
        return _not_empty(who, what, LoadedBatches(data, who))
    is_list = isinstance(data, list)
    hint = "; a list of samples goes into DataLoader(data, batch_size)" if is_list else ""
    raise TypeError(
        f"{who}: expected {what} to be a DataLoader, a dataset or a tuple (x, y) or (x, y, weight) "
        f"of arrays, got {type(data).__name__}{hint}"
    )


def _of_dataset(
    who: str, what: str, data: Any, batch_size: int, shuffle: bool, generator: Generator | None
) -> Batches:
    if len(data) == 0:
        raise ValueError(f"{who}: expected samples in {what}, got an empty dataset")
    found = None if shuffle else row_parts(data)
    if found is not None and found[1] is None:
        return RowBatches(found[0], batch_size)
    loader = DataLoader(data, batch_size, shuffle=shuffle, generator=generator)
    return RowBatches.of_loader(loader) or LoadedBatches(loader, who)


def _of_parts(
    parts: Parts, batch_size: int, shuffle: bool, generator: Generator | None
) -> RowBatches:
    sampler = (
        RandomSampler(_Rows(tensors_in(parts[0])[0]), generator=generator) if shuffle else None
    )
    return RowBatches(parts, batch_size, sampler=sampler, generator=generator)


class _Rows:
    """Something with a length, for a sampler."""

    def __init__(self, t: Tensor) -> None:
        self.size = int(t.shape[0])

    def __len__(self) -> int:
        return self.size


def _not_empty(who: str, what: str, batches: Batches) -> Batches:
    if batches.length == 0:
        raise ValueError(f"{who}: expected batches in {what}, got an empty loader")
    return batches


def parts_of(who: str, what: str, data: tuple[Any, ...], floating: dtype) -> Parts:
    """Inputs, targets and weights (or ``None``) of a tuple of arrays, checked.

    Raises:
        TypeError: if they are no arrays of numbers.
        ValueError: if there are none, their lengths differ, or a number is NaN or infinite.
    """
    if len(data) not in (2, 3):
        raise ValueError(
            f"{who}: expected {what} to be (x, y) or (x, y, weight), got a tuple of {len(data)}; "
            "several inputs go into one x: ((x1, x2), y)"
        )
    x = to_tensors(who, f"x of {what}", data[0], floating)
    y = to_tensors(who, f"y of {what}", data[1], floating)
    weight = None if len(data) == 2 or data[2] is None else data[2]
    if weight is not None:
        weight = to_tensors(who, f"weight of {what}", weight, float64)  # metrics sum in float64
    if not tensors_in(x) or not tensors_in(y):
        raise ValueError(f"{who}: expected arrays in {what}, got an empty tuple or dict")
    sizes = [
        int(t.shape[0]) for part in (x, y, weight) if part is not None for t in tensors_in(part)
    ]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"{who}: expected as many targets as samples in {what}, got arrays of lengths "
            f"{', '.join(map(str, sizes))}"
        )
    if sizes[0] == 0:
        raise ValueError(f"{who}: expected samples in {what}, got arrays of length 0")
    check_finite(who, f"x of {what}", x)
    check_finite(who, f"y of {what}", y)
    if weight is not None:
        _check_weights(who, what, weight)
    return x, y, weight


def _check_weights(who: str, what: str, weight: Any) -> None:
    if not isinstance(weight, Tensor) or weight.dim() != 1:
        shape = tuple(weight.shape) if isinstance(weight, Tensor) else type(weight).__name__
        raise ValueError(
            f"{who}: expected one weight for each sample of {what}, of shape (N,), got {shape}"
        )
    check_finite(who, f"weight of {what}", weight)
    if bool((weight < 0).any()) or not bool((weight > 0).any()):
        raise ValueError(
            f"{who}: expected weights of at least 0 in {what}, and not all 0; got "
            f"{float(weight.double().min())} to {float(weight.double().max())}"
        )
