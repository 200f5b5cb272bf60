"""The fast path: batches gathered straight from arrays, without touching single samples."""

from __future__ import annotations

import builtins
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from steep._core import Tensor, as_tensor, bool, dtype, empty, float32, float64, int32, int64, uint8
from steep.data import _pipeline
from steep.data._augment import KIND, Program
from steep.data.arrays import ArrayDataset
from steep.data.dataset import Subset, TensorDataset

if TYPE_CHECKING:
    from steep.data.transforms.affine import AffineScaler

__all__ = ["ArraySource"]

# NumPy's dtypes, native ones, that tensors have too.
_SAME = {
    ("f", 4): float32,
    ("f", 8): float64,
    ("i", 4): int32,
    ("i", 8): int64,
    ("u", 1): uint8,
    ("b", 1): bool,
}


class _Field:
    """An array behind a dataset, and how its rows become a tensor."""

    def __init__(self, source: Any, scaler: AffineScaler | None = None) -> None:
        self._source = source
        self._shape = tuple(source.shape[1:])
        self._scaler = scaler
        self._scaling: Program | None = None
        self._dtype: dtype | None
        if isinstance(source, Tensor):
            self._dtype = source.dtype
            if scaler is not None and source.dtype == float32:
                self._scaling = _scaling(*scaler.affine(float32))
        else:
            self._dtype = _SAME.get((source.dtype.kind, source.dtype.itemsize))

    def batch(self, order: Any, start: int, stop: int) -> Tensor:
        """The rows ``order[start:stop]``."""
        shape = (stop - start, *self._shape)
        if self._dtype is None:
            import numpy

            rows = numpy.empty(shape, self._source.dtype)
            _pipeline.gather(self._source, order, start, stop, rows)
            return as_tensor(rows)
        out = empty(shape, dtype=self._dtype)
        if self._scaling is not None:
            self._scaling.run(self._source, order, start, stop, out, 0, 0)
            return out
        _pipeline.gather(self._source, order, start, stop, out)
        return out if self._scaler is None else self._scaler.transform_rows(out)

    def augmented(
        self, order: Any, start: int, stop: int, target: Any, augment: Callable[..., Any]
    ) -> tuple[Tensor, Any]:
        """The same after an augmentation, straight from the array if that can be; and targets."""
        if self._dtype is None or self._scaler is not None:
            pair: tuple[Tensor, Any] = augment(self.batch(order, start, stop), target)
        else:
            pair = augment(self._source, target, span=(order, start, stop))
        return pair


def _scaling(shift: Tensor, scale: Tensor) -> Program:
    """A pass that applies a scaler."""
    size = shift.numel()
    columns = (shift.reshape(-1).contiguous(), scale.reshape(-1).contiguous())
    return Program([(0, KIND["affine"], 1.0, (), (), (1, 1, size), *columns)], size, size)


def _keeps(dataset: Any, base: type) -> builtins.bool:
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


def _compose(rows: array[int], inner: array[int]) -> array[int]:
    out = array("q", bytes(8 * len(inner)))
    _pipeline.gather(rows, inner, 0, len(inner), out)
    return out


class ArraySource:
    """The arrays behind a dataset, and the rows of them that its positions stand for.

    Attributes:
        dataset: the `TensorDataset` or `ArrayDataset` at the bottom.
        rows: int64 buffer from position to row, or ``None`` where they are the same.
    """

    def __init__(self, dataset: TensorDataset | ArrayDataset, rows: array[int] | None) -> None:
        self.dataset = dataset
        self.rows = rows
        if isinstance(dataset, TensorDataset):
            first, *others = dataset.tensors
            self._fields = [_Field(first, dataset.scaler), *map(_Field, others)]
        else:
            self._fields = [_Field(source) for source in dataset.arrays]

    @staticmethod
    def of(dataset: Any) -> ArraySource | None:
        """The source of such a dataset, or of a `Subset` of one; ``None`` for all others."""
        subsets = []
        while _keeps(dataset, Subset):
            subsets.append(dataset)
            dataset = dataset.dataset
        if not _keeps(dataset, ArrayDataset):
            if not _keeps(dataset, TensorDataset):
                return None
            if any(t.requires_grad for t in dataset.tensors):
                return None
        rows: array[int] | None = None
        size = len(dataset)
        for subset in reversed(subsets):
            inner = _index_buffer(subset.indices, size)
            rows = inner if rows is None else _compose(rows, inner)
            size = len(inner)
        return ArraySource(dataset, rows)

    def batch(
        self, order: Any, start: int, stop: int, augment: Callable[..., Any] | None = None
    ) -> Any:
        """The samples at positions ``order[start:stop]``: one tensor per field.

        Args:
            augment: what `Compose.apply` is without seed and number, for the first two fields.
        """
        count = stop - start
        if self.rows is not None:
            positions = array("q", bytes(8 * count))
            _pipeline.gather(self.rows, order, start, stop, positions)
            order, start, stop = positions, 0, count
        if augment is None:
            out = [field.batch(order, start, stop) for field in self._fields]
        else:
            first, *others = self._fields
            out = [field.batch(order, start, stop) for field in others]
            target = out[0] if out else None
            x, target = first.augmented(order, start, stop, target, augment)
            out = [x, *([target] if out else []), *out[1:]]
        return self.dataset.join(out)
