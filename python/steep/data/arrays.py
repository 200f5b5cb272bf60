"""`ArrayDataset`: rows of arrays in memory or in mapped files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steep._core import Tensor, as_tensor
from steep.data.dataset import Dataset

__all__ = ["ArrayDataset"]


class ArrayDataset(Dataset[Any]):
    """Samples are rows, taken at one index from each of several arrays.

    NumPy arrays, tensors and what `numpy.asarray` takes; also files mapped into memory
    (``numpy.load(path, mmap_mode="r")``, ``numpy.memmap``), which may be larger than memory: a
    `DataLoader` reads the rows of one batch after the other, and never the whole. Nothing is
    copied until then.

    Values come in the dtypes that `as_tensor` gives them: float16 as float32, int8, int16 and
    uint16 as int32, the rest as they are.

    Args:
        arrays: arrays whose first dimensions are equal; a sample is a tuple, a batch a list.
        named: the same by name, instead; samples and batches are dicts.

    Raises:
        TypeError: if there are none, or some with and some without a name, or an array holds what
            no tensor does.
        ValueError: if one is 0-d, or the first dimensions differ.

    Example:
        >>> import numpy as np
        >>> import steep
        >>> images = np.zeros((5, 28, 28), dtype=np.uint8)
        >>> data = steep.data.ArrayDataset(image=images, label=np.arange(5))
        >>> batch = next(iter(steep.data.DataLoader(data, batch_size=2)))
        >>> batch["image"].dtype, tuple(batch["image"].shape), batch["label"].tolist()
        (steep.uint8, (2, 28, 28), [0, 1])
    """

    def __init__(self, *arrays: Any, **named: Any) -> None:
        if bool(arrays) == bool(named):
            got = f"{len(arrays)} and {len(named)}" if arrays else "none"
            raise TypeError(
                "ArrayDataset: expected arrays, either all of them by position or all by name, "
                f"got {got}"
            )
        places: Iterable[tuple[Any, Any]] = named.items() or enumerate(arrays)
        found = {place: _array(place, array) for place, array in places}
        sizes = {place: len(array) for place, array in found.items()}
        if len(set(sizes.values())) > 1:
            lengths = ", ".join(f"{size} of {place!r}" for place, size in sizes.items())
            raise ValueError(
                f"ArrayDataset: expected arrays of one length, got {lengths}; each needs one row "
                "per sample"
            )
        self.names: tuple[str, ...] | None = tuple(named) or None
        self.arrays: tuple[Any, ...] = tuple(found.values())

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: int) -> Any:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"ArrayDataset: index {index} is out of range for {size} samples")
        return self.join([_row(array, index) for array in self.arrays], tuple)

    def join(self, fields: list[Tensor], kind: type = list) -> Any:
        """What the arrays give, as a sample or a batch: by name where there are names."""
        return kind(fields) if self.names is None else dict(zip(self.names, fields, strict=True))


def _row(array: Any, index: int) -> Tensor:
    if isinstance(array, Tensor):
        row: Tensor = array[index]
        return row
    # A copy: a tensor that shares a mapped file's memory could be written to.
    return as_tensor(array[index].copy())


def _array(place: Any, array: Any) -> Any:
    """The array as NumPy's, or the tensor; checks that it has rows that tensors can hold."""
    import numpy

    found = array if isinstance(array, (Tensor, numpy.ndarray)) else numpy.asarray(array)
    shape = tuple(found.shape)
    if not shape:
        raise ValueError(
            f"ArrayDataset: expected arrays with a row per sample, got a single number as {place!r}"
        )
    if not isinstance(found, Tensor):
        try:
            as_tensor(numpy.empty(0, found.dtype))
        except TypeError as error:
            raise TypeError(
                "ArrayDataset: expected arrays of numbers that tensors can hold (float16, float32, "
                "float64, int8, int16, int32, int64, uint8, uint16, bool), got dtype "
                f"{found.dtype} as {place!r}; convert it first, with .astype"
            ) from error
    return found
