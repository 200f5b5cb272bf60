"""What a network is to predict: labels as class numbers, or numbers on a common scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steep._core import Tensor
from steep.data.tables.columns import Array, Column
from steep.data.tables.frames import Frame, is_table
from steep.data.transforms.affine import StandardScaler
from steep.data.transforms.base import Transform
from steep.data.transforms.inputs import columns_in
from steep.data.transforms.labels import LabelEncoder
from steep.data.transforms.restoring import transform_from_state

__all__ = ["TargetTransform"]


class TargetTransform(Transform):
    """Find out what is to be predicted, and turn it into what losses take; and back.

    Text, truth values and declared categories are labels of a classification; so are whole numbers,
    if no more than `max_classes` of them occur, each twice on average. All else is a regression.

    Args:
        task: ``"classification"`` or ``"regression"``, whatever the target looks like.
        max_classes: as above. Default: 20.
        standardize: whether a regression's target gets mean 0 and deviation 1. Default: ``True``.

    Attributes:
        found: the task; set by `fit`.
        note: how it was found, in a sentence.
        classes: labels by class number, for a classification.
        outputs: how many outputs a network needs: one for each class, or each column.

    Raises:
        ValueError: if there is no such task.

    Example:
        >>> import steep
        >>> target = steep.data.TargetTransform().fit(["no", "yes", "no", "yes"])
        >>> target.found, target.outputs, target.transform(["yes", "no"]).tolist()
        ('classification', 2, [1, 0])
        >>> target.inverse_transform(steep.tensor([[0.2, 1.3], [2.0, 0.1]])).tolist()
        ['yes', 'no']
        >>> target = steep.data.TargetTransform().fit([10.0, 20.5, 31.0])
        >>> target.found, target.inverse_transform(target.transform([20.5])).tolist()
        ('regression', [20.5])
    """

    _arguments = ("task", "max_classes", "standardize")
    _learned = ("found", "note", "columns", "flat", "labels", "scaler")
    found: str
    note: str
    columns: int
    flat: bool
    labels: LabelEncoder | None
    scaler: StandardScaler | None

    def __init__(
        self, task: str | None = None, max_classes: int = 20, standardize: bool = True
    ) -> None:
        if task not in (None, "classification", "regression"):
            raise ValueError(
                "TargetTransform: expected task 'classification', 'regression' or None, got "
                f"{task!r}"
            )
        self.task = task
        self.max_classes = max_classes
        self.standardize = standardize

    def fit(self, y: Any) -> TargetTransform:
        """Learn from the training part: a value per row, or columns of numbers ``[rows, columns]``.

        Raises:
            ValueError: if there is no row, a value is missing or infinite, there is one class only,
                or several columns are to be classes.
        """
        what = "TargetTransform.fit"
        columns, flat = _target(y, what)
        found, note = (self.task, "as asked") if self.task else self._guess(columns)
        labels, scaler = None, None
        if found == "classification":
            labels = self._labels(columns, what)
        else:
            numbers = _numbers(columns, what)
            scaler = StandardScaler().fit(numbers) if self.standardize else None
        self.found, self.note, self.columns, self.flat = found, note, len(columns), flat
        self.labels, self.scaler = labels, scaler
        return self

    def _guess(self, columns: list[Column]) -> tuple[str, str]:
        if len(columns) > 1:
            return "regression", f"{len(columns)} columns of numbers"
        column = columns[0]
        if column.kind == "levels":
            kind = "categories" if column.declared else "text"
            return "classification", f"the target is {kind}"
        if column.values.dtype.kind == "b":
            return "classification", "the target is true or false"
        values = np.unique(column.values)
        finite = bool(np.isfinite(values).all())
        whole = column.kind == "number" and finite and bool((values % 1 == 0).all())
        few = len(values) <= self.max_classes and 2 * len(values) <= max(4, len(column.values))
        if whole and few:
            return "classification", f"the target is whole numbers, only {len(values)} of them"
        kind = f"{len(values)} different whole numbers" if whole else "numbers with fractions"
        return "regression", f"the target is {kind}"

    def _labels(self, columns: list[Column], what: str) -> LabelEncoder:
        if len(columns) > 1:
            raise ValueError(
                f"{what}: expected one column of labels, got {len(columns)}; for marks in several "
                "columns take task='regression' with standardize=False"
            )
        encoder = LabelEncoder().fit(columns[0])
        if len(encoder.labels) < 2:
            raise ValueError(
                f"{what}: expected two classes or more, got {encoder.labels[0]!r} in every row"
            )
        return encoder

    @property
    def classes(self) -> Array:
        """Labels by class number.

        Raises:
            RuntimeError: if it is not fitted.
            ValueError: if the task is a regression.
        """
        self._check_fitted()
        if self.labels is None:
            raise ValueError("TargetTransform: a regression has no classes")
        return self.labels.classes

    @property
    def outputs(self) -> int:
        """How many outputs a network needs: one for each class, or each column."""
        self._check_fitted()
        return self.columns if self.labels is None else len(self.labels.labels)

    def transform(self, y: Any) -> Array:
        """Class numbers, int64 ``[rows]``; or scaled numbers, float32 ``[rows, columns]``.

        Raises:
            RuntimeError: if it is not fitted.
            ValueError: if a label is unknown, a value missing, or the columns are not those it was
                fitted on.
        """
        self._check_fitted()
        what = "TargetTransform.transform"
        columns, _ = _target(y, what)
        if len(columns) != self.columns:
            raise ValueError(
                f"{what}: expected {self.columns} columns, as fitted, got {len(columns)}"
            )
        if self.labels is not None:
            codes: Array = self.labels.transform(columns[0])
            return codes
        numbers = _numbers(columns, what)
        scaled: Array = numbers if self.scaler is None else self.scaler.transform(numbers)
        return scaled.astype(np.float32)

    def inverse_transform(self, y: Any) -> Array:
        """What a network's outputs stand for.

        Args:
            y: for a classification, scores or probabilities ``[rows, classes]``, of which the
                greatest counts, or class numbers ``[rows]``; for a regression, its outputs.

        Returns:
            Labels ``[rows]``; or numbers in the target's units, float64, of the shape that `fit`
            was given.

        Raises:
            RuntimeError: if it is not fitted.
            ValueError: if the shape is another.
        """
        self._check_fitted()
        what = "TargetTransform.inverse_transform"
        values = np.asarray(y.detach().numpy() if isinstance(y, Tensor) else y)
        if self.labels is not None:
            if values.ndim == 2 and values.shape[1] == self.outputs:
                values = values.argmax(1)
            if values.ndim != 1 or values.dtype.kind not in "iu":
                raise ValueError(
                    f"{what}: expected class numbers [rows] or scores [rows, {self.outputs}], got "
                    f"{values.dtype} of shape {values.shape}"
                )
            return self.labels.inverse_transform(values)
        numbers = values[:, None] if values.ndim == 1 else values
        if numbers.ndim != 2 or numbers.shape[1] != self.columns:
            raise ValueError(
                f"{what}: expected outputs [rows, {self.columns}], got shape {values.shape}"
            )
        numbers = numbers.astype(np.float64)
        out: Array = numbers if self.scaler is None else self.scaler.inverse_transform(numbers)
        return out[:, 0] if self.flat else out

    def _restored(self, name: str, value: Any) -> Any:
        if name in ("labels", "scaler"):
            return None if value is None else transform_from_state(value)
        return super()._restored(name, value)


def _target(y: Any, what: str) -> tuple[list[Column], bool]:
    """The target's columns, all values known; and whether it is one value per row."""
    if isinstance(y, Column):
        columns, flat = [y], True
    else:
        columns, _ = columns_in(y, what)
        flat = not isinstance(y, (Frame, Mapping)) and not is_table(y) and np.ndim(y) == 1
    if not columns or not len(columns[0].values):
        raise ValueError(f"{what}: expected at least one row, got an empty target")
    for column in columns:
        missing = np.flatnonzero(column.missing())
        if len(missing):
            raise ValueError(
                f"{what}: the target has {len(missing)} missing values, the first in row "
                f"{missing[0]}; drop these rows first"
            )
    return columns, flat


def _numbers(columns: list[Column], what: str) -> Array:
    numbers = np.column_stack([column.numbers(what) for column in columns]).astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers).all(1))
    if len(bad):
        raise ValueError(
            f"{what}: the target has {len(bad)} infinite values, the first in row {bad[0]}; drop "
            "these rows, or replace them"
        )
    return numbers
