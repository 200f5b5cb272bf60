"""Datasets side by side, and streams one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from steep.data.dataset import Dataset, IterableDataset, length

__all__ = ["ChainDataset", "StackDataset"]


class StackDataset(Dataset[Any]):
    """Datasets of one length side by side: a sample holds one of each.

    Args:
        datasets: datasets with a length; samples are tuples.
        named: the same by name, instead; samples are dicts.

    Raises:
        ValueError: if there are none, some with and some without a name, or the lengths differ.

    Example:
        >>> import steep
        >>> both = steep.data.StackDataset(x=[1, 2, 3], y="abc")
        >>> both[1]
        {'x': 2, 'y': 'b'}
        >>> next(iter(steep.data.DataLoader(both, batch_size=2)))["y"]
        ['a', 'b']
    """

    def __init__(self, *datasets: Any, **named: Any) -> None:
        if bool(datasets) == bool(named):
            raise ValueError(
                "StackDataset: expected datasets, either all of them by position or all by name, "
                f"got {len(datasets)} and {len(named)}"
            )
        self.datasets: Any = named or datasets
        sizes = [length(dataset) for dataset in self._members()]
        if len(set(sizes)) > 1:
            raise ValueError(
                "Size mismatch between datasets: StackDataset expects one length, got "
                f"{', '.join(map(str, sizes))}"
            )
        self._length = sizes[0]

    def _members(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _joined(self, parts: Iterable[Any]) -> Any:
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, parts, strict=True))
        return tuple(parts)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        return self._joined(dataset[index] for dataset in self._members())

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """The samples at several indices; members that have `__getitems__` are asked once."""
        columns = []
        for dataset in self._members():
            getitems = getattr(dataset, "__getitems__", None)
            column = getitems(indices) if callable(getitems) else [dataset[i] for i in indices]
            if len(column) != len(indices):
                raise ValueError(
                    f"StackDataset: expected {len(indices)} samples of __getitems__ of "
                    f"{type(dataset).__name__}, got {len(column)}"
                )
            columns.append(column)
        return [self._joined(row) for row in zip(*columns, strict=True)]


class ChainDataset(IterableDataset[Any]):
    """Streams one after the other.

    Args:
        datasets: streams; each is begun when the one before it ends.

    Raises:
        TypeError: in the iteration, if one is no `IterableDataset`.

    Example:
        >>> import steep
        >>> class Count(steep.data.IterableDataset):
        ...     def __iter__(self):
        ...         return iter(range(2))
        >>> list(steep.data.ChainDataset([Count(), Count()]))
        [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}; "
                    "use ConcatDataset for datasets with a length"
                )
            yield from dataset

    def __len__(self) -> int:
        return sum(length(dataset) for dataset in self.datasets)
