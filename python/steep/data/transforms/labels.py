"""Labels as class numbers, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep._core import Tensor, from_numpy
from steep.data.tables.columns import Array, Column, level_key, library_of
from steep.data.tables.converting import column_of
from steep.data.tables.naming import nearest
from steep.data.transforms.base import Transform

__all__ = ["LabelEncoder"]


class LabelEncoder(Transform):
    """Number the labels of a classification 0, 1, ..., in sorted order, and turn numbers back.

    Labels are text, whole numbers, truth values or declared categories (which keep their order).

    Attributes:
        classes: the labels by number, an array; set by `fit`.

    Example:
        >>> import steep
        >>> encoder = steep.data.LabelEncoder().fit(["cat", "dog", "cat"])
        >>> encoder.transform(["dog", "cat"]).tolist()
        [1, 0]
        >>> encoder.inverse_transform([1, 1]).tolist()
        ['dog', 'dog']
    """

    _learned = ("labels",)
    labels: list[Any]

    def fit(self, y: Any) -> LabelEncoder:
        """Learn the labels of the training part, one per row.

        Raises:
            ValueError: if there are none, or one is missing.
        """
        column = _labels(y, "LabelEncoder.fit")
        if not len(column.values):
            raise ValueError("LabelEncoder.fit: expected at least one label")
        counts = np.bincount(column.values, minlength=len(column.levels))
        self.labels = [level for level, count in zip(column.levels, counts, strict=True) if count]
        return self

    @property
    def classes(self) -> Array:
        """The labels by number."""
        self._check_fitted()
        return np.array(self.labels)

    def transform(self, y: Any) -> Any:
        """The numbers of labels, int64 ``[rows]``; a tensor for a tensor.

        Raises:
            RuntimeError: if the encoder is not fitted.
            ValueError: if a label is unknown or missing.
        """
        self._check_fitted()
        what = "LabelEncoder.transform"
        column = _labels(y, what)
        lookup = {level_key(label): code for code, label in enumerate(self.labels)}
        numeric = not any(isinstance(label, str) for label in self.labels)
        keys = [level_key(level, numeric) for level in column.levels]
        table = np.array([lookup.get(key, -1) for key in keys], np.int64)
        codes: Array = table[column.values] if len(table) else column.values
        if (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            got = column.levels[column.values[row]]
            known = [str(label) for label in self.labels]
            raise ValueError(
                f"{what}: the label {got!r} in row {row} is not among the {len(known)} of the "
                f"training part{nearest(str(got), known)}"
            )
        return from_numpy(codes) if isinstance(y, Tensor) else codes

    def inverse_transform(self, codes: Any) -> Array:
        """The labels of class numbers.

        Raises:
            RuntimeError: if the encoder is not fitted.
            ValueError: if a number is none of a class, or no whole one.
        """
        classes = self.classes
        numbers = np.asarray(codes.detach().numpy() if isinstance(codes, Tensor) else codes)
        if numbers.dtype.kind not in "iu" and numbers.size:
            raise ValueError(
                f"LabelEncoder.inverse_transform: expected class numbers, got {numbers.dtype} "
                "values; take the argmax of scores first"
            )
        if numbers.size and not (numbers.min() >= 0 and numbers.max() < len(classes)):
            raise ValueError(
                f"LabelEncoder.inverse_transform: expected numbers from 0 to {len(classes) - 1}, "
                f"got {numbers.min()} to {numbers.max()}"
            )
        out: Array = classes[numbers.astype(np.int64)]
        return out


def _labels(y: Any, what: str) -> Column:
    """Labels as levels, none missing."""
    if isinstance(y, (list, tuple)) and not isinstance(y, Column):
        y = np.asarray(y)
    if library_of(y) == "numpy" and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    column = column_of("label", y)
    missing = np.flatnonzero(column.missing())
    if len(missing):
        raise ValueError(
            f"{what}: expected a label in every row, got {len(missing)} missing, the first in row "
            f"{missing[0]}; drop these rows first"
        )
    return column.as_levels()
