"""The fast path: batches of a `TensorDataset` without touching single samples."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

from steep._core import Generator, Tensor, default_generator, empty, float32
from steep.data import _pipeline
from steep.data._epoch import IteratorTasks, Tasks
from steep.data.dataset import Subset, TensorDataset
from steep.data.sampler import BatchSampler, OrderedSampler


def _keeps(dataset: Any, base: type) -> bool:
    """Whether `dataset` is a `base` whose ways of taking samples are not overridden."""
    kind = type(dataset)
    return isinstance(dataset, base) and all(
        getattr(kind, name, None) is getattr(base, name, None)
        for name in ("__getitem__", "__getitems__", "__len__")
    )


def _index_buffer(indices: Any, size: int) -> array[int]:
    """Indices as int64, negative ones counted from the end as sequences do."""
    flat = indices.tolist() if isinstance(indices, Tensor) else indices
    return array("q", [i + size if i < 0 else i for i in map(int, flat)])


class TensorSource:
    """The tensors behind a dataset, and the rows of them that its positions stand for.

    Attributes:
        dataset: the `TensorDataset` at the bottom.
        rows: int64 buffer from position to row, or ``None`` where they are the same.
    """

    def __init__(self, dataset: TensorDataset, rows: array[int] | None) -> None:
        self.dataset = dataset
        self.rows = rows
        self._fields = [(t, tuple(t.shape[1:]), t.dtype) for t in dataset.tensors]
        scaler = dataset.scaler
        self._affine: tuple[Tensor, Tensor] | None = None
        if scaler is not None and dataset.tensors[0].dtype == float32:
            self._affine = scaler.affine(float32)

    @staticmethod
    def of(dataset: Any) -> TensorSource | None:
        """The source of a `TensorDataset`, or of a `Subset` of one; ``None`` for all others."""
        subsets = []
        while _keeps(dataset, Subset):
            subsets.append(dataset)
            dataset = dataset.dataset
        if not _keeps(dataset, TensorDataset) or any(t.requires_grad for t in dataset.tensors):
            return None
        rows: array[int] | None = None
        size = len(dataset)
        for subset in reversed(subsets):
            inner = _index_buffer(subset.indices, size)
            rows = inner if rows is None else _compose(rows, inner)
            size = len(inner)
        return TensorSource(dataset, rows)

    def batch(self, order: Any, start: int, stop: int) -> list[Tensor]:
        """One tensor per field: the samples at positions ``order[start:stop]``."""
        count = stop - start
        if self.rows is not None:
            positions = array("q", bytes(8 * count))
            _pipeline.gather(self.rows, order, start, stop, positions)
            order, start, stop = positions, 0, count
        out: list[Tensor] = []
        for field, shape, dtype in self._fields:
            target = empty((count, *shape), dtype=dtype)
            if self._affine is not None and not out:
                _pipeline.gather_affine(field, order, start, stop, target, *self._affine)
            else:
                _pipeline.gather(field, order, start, stop, target)
            out.append(target)
        if self.dataset.scaler is not None and self._affine is None:
            out[0] = self.dataset.scaler.transform_rows(out[0])
        return out


def _compose(rows: array[int], inner: array[int]) -> array[int]:
    out = array("q", bytes(8 * len(inner)))
    _pipeline.gather(rows, inner, 0, len(inner), out)
    return out


def span_tasks(batch_sampler: Any, generator: Generator | None) -> Tasks:
    """The batches of one epoch as ``(order, start, stop)``, drawn when the first is asked for.

    Where the whole order is known, all batches share one buffer.
    """
    if _keeps_order(batch_sampler):
        return _Spans(batch_sampler, generator)
    return IteratorTasks(_spans_of_lists(batch_sampler))


class _Spans(Tasks):
    def __init__(self, batch_sampler: Any, generator: Generator | None) -> None:
        self._sampler = batch_sampler
        self._generator = default_generator if generator is None else generator
        self._order: Any = None
        self._start = 0

    def current(self) -> Any:
        if self._order is None:
            before = self._generator.get_state()
            try:
                self._order = self._sampler.sampler.order()
            except BaseException:  # the next attempt draws the same
                self._generator.set_state(before)
                raise
        total, size = len(self._order), self._sampler.batch_size
        if self._start + (size if self._sampler.drop_last else 1) > total:
            raise StopIteration
        return self._order, self._start, min(self._start + size, total)

    def done(self) -> None:
        self._start += self._sampler.batch_size

    @property
    def taken(self) -> int:  # type: ignore[override]
        """How many batches are done: the place in the order says it."""
        return int(self._start // self._sampler.batch_size)


def _spans_of_lists(batch_sampler: Any) -> Iterator[tuple[Any, int, int]]:
    for batch in batch_sampler:
        indices = array("q", map(int, batch))
        yield indices, 0, len(indices)


def _keeps_order(batch_sampler: Any) -> bool:
    if type(batch_sampler).__iter__ is not BatchSampler.__iter__:
        return False
    sampler = batch_sampler.sampler
    kind = type(sampler)
    # A subclass that has its own __iter__ but inherits order() means the former.
    return isinstance(sampler, OrderedSampler) and kind.__module__ == OrderedSampler.__module__
