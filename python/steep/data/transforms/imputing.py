"""Missing values filled in, and columns that say where they were."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steep.data.tables.columns import Array, Column
from steep.data.transforms.base import Transform
from steep.data.transforms.inputs import columns_in, given_back

__all__ = ["SimpleImputer", "statistic"]

_STRATEGIES = ("mean", "median", "most_frequent", "constant")


def statistic(known: Array, strategy: str) -> float:
    """The mean, median or most frequent of known numbers."""
    if strategy == "most_frequent":
        values, counts = np.unique(known, return_counts=True)
        return float(values[np.argmax(counts)])
    return float(np.mean(known) if strategy == "mean" else np.median(known))


class SimpleImputer(Transform):
    """Fill missing values (nan, None, NaT's like) column by column.

    Args:
        strategy: ``"mean"``, ``"median"``, ``"most_frequent"`` (of equally frequent values the
            least) or ``"constant"``. The last two take text as well.
        fill_value: the constant. Default: 0, and ``"missing"`` for text.
        add_indicator: whether a column of 0 and 1 follows for each column that had missing values
            in the training part.

    Attributes:
        statistics: what is filled in, by column; set by `fit`.
        indicators: positions of the columns that have an indicator.

    Raises:
        ValueError: if there is no such strategy.

    Example:
        >>> from steep.data.transforms import SimpleImputer
        >>> nan = float("nan")
        >>> imputer = SimpleImputer("median", add_indicator=True)
        >>> imputer.fit_transform([[1.0], [nan], [2.0], [9.0]]).tolist()
        [[1.0, 0.0], [2.0, 1.0], [2.0, 0.0], [9.0, 0.0]]
    """

    _arguments = ("strategy", "fill_value", "add_indicator")
    _learned = ("statistics", "indicators")
    statistics: list[Any]
    indicators: list[int]

    def __init__(
        self, strategy: str = "mean", fill_value: Any = None, add_indicator: bool = False
    ) -> None:
        if strategy not in _STRATEGIES:
            raise ValueError(
                f"SimpleImputer: expected strategy to be one of {', '.join(_STRATEGIES)}, got "
                f"{strategy!r}"
            )
        self.strategy = strategy
        self.fill_value = fill_value
        self.add_indicator = add_indicator

    def fit(self, x: Any) -> SimpleImputer:
        """Learn from the training part: a table, or an array ``[rows, columns]``.

        Raises:
            ValueError: if a column has no value at all (and no constant is given), an infinite one,
                or text where a mean or median is to be taken.
        """
        what = "SimpleImputer.fit"
        columns, named = columns_in(x, what)
        statistics = [self._statistic(column, what) for column in columns]
        self.statistics = statistics
        missing = [bool(column.missing().any()) for column in columns]
        self.indicators = [i for i, any_ in enumerate(missing) if any_ and self.add_indicator]
        self.names = [column.name for column in columns] if named else None
        return self

    def _statistic(self, column: Column, what: str) -> Any:
        text = column.kind == "levels"
        if self.strategy == "constant":
            default = "missing" if text else 0.0
            return default if self.fill_value is None else self.fill_value
        known = column.values[~column.missing()] if text else column.numbers(what)
        known = known if text else known[~np.isnan(known)]
        if not len(known):
            raise ValueError(
                f"{what}: column {column.name!r} holds no value to learn from; drop it, or take "
                "strategy='constant'"
            )
        if text and self.strategy == "most_frequent":
            return column.levels[np.bincount(known).argmax()]
        numbers = column.numbers(what)[~column.missing()] if text else known
        if not np.isfinite(numbers).all():
            raise ValueError(
                f"{what}: column {column.name!r} holds {int((~np.isfinite(numbers)).sum())} "
                "infinite values; drop or replace them first"
            )
        return statistic(numbers, self.strategy)

    def transform(self, x: Any) -> Any:
        """Fill rows of the columns it was fitted on.

        Returns:
            Floats ``[rows, columns + indicators]``, a tensor for a tensor; of a table with text, an
            array of objects.

        Raises:
            RuntimeError: if it is not fitted.
            ValueError: if the columns are not those it was fitted on.
        """
        self._check_fitted()
        what = "SimpleImputer.transform"
        columns, _ = columns_in(x, what, self.names)
        if len(columns) != len(self.statistics):
            raise ValueError(
                f"{what}: expected {len(self.statistics)} columns, as fitted, got {len(columns)}"
            )
        filled = [
            _filled(column, value, what)
            for column, value in zip(columns, self.statistics, strict=True)
        ]
        filled += [columns[i].missing().astype(np.float64) for i in self.indicators]
        dtype = object if any(values.dtype == object for values in filled) else np.float64
        out = np.empty((len(filled[0]), len(filled)), dtype)
        for i, values in enumerate(filled):
            out[:, i] = values
        return given_back(out, x)


def _filled(column: Column, value: Any, what: str) -> Array:
    if column.kind == "levels" and isinstance(value, str):
        table = np.array([*column.levels, value], dtype=object)
        out: Array = table[column.values]  # missing is -1: the last
        return out
    if isinstance(value, str):
        missing = column.missing()
        levels = column.as_levels()
        table = np.array([*map(str, levels.levels), value], dtype=object)
        return table[np.where(missing, -1, levels.values)]
    numbers = column.numbers(what)
    return np.where(np.isnan(numbers), math.nan if value is None else value, numbers)
