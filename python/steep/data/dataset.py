"""Datasets, and ways of splitting them."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from steep._core import Generator, Tensor, randperm

if TYPE_CHECKING:
    from steep.data.transforms.affine import AffineScaler

__all__ = [
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

_T = TypeVar("_T", covariant=True)


class Dataset(Generic[_T]):
    """Maps an index to a sample; subclasses define `__getitem__`, and `__len__` as a rule.

    `__getitems__(indices)`, where defined, returns the list of samples of a whole batch.

    Example:
        >>> import steep
        >>> class Squares(steep.data.Dataset):
        ...     def __len__(self):
        ...         return 3
        ...     def __getitem__(self, index):
        ...         return index ** 2
        >>> [x.tolist() for x in steep.data.DataLoader(Squares(), batch_size=2)]
        [[0, 1], [4]]
    """

    def __getitem__(self, index: Any) -> _T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[_T]):
    """A stream of samples; subclasses define `__iter__`.

    With worker threads each one iterates for itself: `get_worker_info` tells it which share to
    take.
    """

    def __iter__(self) -> Iterator[_T]:
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")


def length(dataset: Any) -> int:
    """`len(dataset)`, for datasets that define it (the base class does not)."""
    size: int = len(dataset)
    return size


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples are rows, taken at one index from each of several tensors.

    A `DataLoader` gathers whole batches of it in one pass per tensor, without a step per sample.

    Args:
        tensors: tensors whose first dimensions are equal.
        scaler: a fitted scaler; the first tensor's rows are transformed as they are taken.

    Raises:
        TypeError: if one is not a tensor.
        ValueError: if there are none.
        AssertionError: if one is 0-d, or the first dimensions differ.

    Example:
        >>> import steep
        >>> data = steep.data.TensorDataset(steep.zeros(5, 2), steep.arange(5))
        >>> len(data), data[3][1].item()
        (5, 3)
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor, scaler: AffineScaler | None = None) -> None:
        if not tensors:
            raise ValueError("TensorDataset: expected at least one tensor, got none")
        for i, t in enumerate(tensors):
            if not isinstance(t, Tensor):
                raise TypeError(
                    f"TensorDataset: expected tensors, got {type(t).__name__} at position {i}; "
                    "convert it with steep.as_tensor"
                )
        if any(t.dim() == 0 or t.shape[0] != tensors[0].shape[0] for t in tensors):
            shapes = ", ".join(str(tuple(t.shape)) for t in tensors)
            raise AssertionError(
                "Size mismatch between tensors: expected one size of the first dimension, "
                f"got shapes {shapes}"
            )
        self.tensors = tensors
        self.scaler = scaler

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        row = [t[index] for t in self.tensors]
        if self.scaler is not None:
            row[0] = self.scaler.transform_rows(row[0])
        sample: tuple[Tensor, ...] = self.join(row, tuple)
        return sample

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def join(self, fields: list[Tensor], kind: type = list) -> Any:
        """What the tensors give, as a sample (a tuple) or a batch (a list)."""
        return kind(fields)


class Subset(Dataset[_T]):
    """The samples of a dataset at given indices.

    Args:
        dataset: the whole.
        indices: which of its samples, in which order.

    Example:
        >>> import steep
        >>> list(steep.data.Subset([10, 20, 30], [2, 0]))
        [30, 10]
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """The samples at several indices."""
        chosen = [self.indices[i] for i in indices]
        getitems = getattr(self.dataset, "__getitems__", None)
        return list(getitems(chosen)) if callable(getitems) else [self.dataset[i] for i in chosen]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[Any]):
    """Several datasets one after the other.

    Args:
        datasets: datasets with a length.

    Raises:
        ValueError: if there are none.
        TypeError: if one is an `IterableDataset`.

    Example:
        >>> import steep
        >>> both = steep.data.ConcatDataset([[1, 2], [3]])
        >>> len(both), both[2], both[-3]
        (3, 3, 1)
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one dataset, got none")
        for d in self.datasets:
            if isinstance(d, IterableDataset):
                raise TypeError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(map(length, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"ConcatDataset: index {index} is out of range for {size} samples")
        index %= size
        which = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[Any]]:
    """Split a dataset into parts that share no sample, at random.

    Args:
        dataset: anything with a length.
        lengths: sizes that add up to the whole; or fractions that add up to 1, which are rounded
            down, the samples left over going to the parts in turn.
        generator: source of the permutation; the default one if ``None``.

    Raises:
        ValueError: if the lengths do not add up, or a fraction lies outside [0, 1].

    Example:
        >>> import steep
        >>> parts = steep.data.random_split(range(10), [0.7, 0.3])
        >>> [len(part) for part in parts]
        [7, 3]
    """
    total = length(dataset)
    sizes = _sizes(total, lengths)
    order = randperm(total, generator=generator).tolist()
    ends = itertools.accumulate(sizes)
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, sizes, strict=True)]


def _sizes(total: int, lengths: Sequence[int | float]) -> list[int]:
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1")
        sizes = [math.floor(total * fraction) for fraction in lengths]
        for i in range(total - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if size == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.",
                    UserWarning,
                    stacklevel=3,
                )
        return sizes
    if sum(lengths) != total:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"Got {sum(lengths)} of {total}"
        )
    return [int(size) for size in lengths]
