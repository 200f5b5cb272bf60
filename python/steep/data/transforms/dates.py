"""Dates as numbers: year, month, day, weekday and hour, on a circle where they come round again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from steep.data.tables.columns import Array, Column
from steep.data.transforms.base import Transform
from steep.data.transforms.inputs import columns_in

__all__ = ["DateParts"]

_DAY = "datetime64[D]"


def _day_of_month(dates: Array) -> Array:
    days: Array = (dates.astype(_DAY) - dates.astype("datetime64[M]").astype(_DAY)).astype(int)
    return days


# Each from its first: January, the first of the month, Monday and midnight are 0.
_PARTS: dict[str, Callable[[Array], Array]] = {
    "year": lambda dates: dates.astype("datetime64[Y]").astype(int) + 1970,
    "month": lambda dates: dates.astype("datetime64[M]").astype(int) % 12,
    "day": _day_of_month,
    "weekday": lambda dates: (dates.astype(_DAY).astype(int) + 3) % 7,
    "hour": lambda dates: (dates.astype("datetime64[h]") - dates.astype(_DAY)).astype(int),
}
_ROUND = {"month": 12, "day": 31, "weekday": 7, "hour": 24}
_FIRST = {"month": 1, "day": 1}


class DateParts(Transform):
    """Take dates apart into columns of numbers.

    A cyclic part p of n is the pair ``sin(2 pi p / n), cos(2 pi p / n)``, counted from its first:
    December and January are neighbours then. A missing date is nan in all of them.

    Args:
        parts: which, of ``"year"``, ``"month"`` (1 to 12), ``"day"`` (1 to 31), ``"weekday"``
            (Monday is 0) and ``"hour"`` (0 to 23). Default: all, but the hour only of columns that
            hold another time than midnight in the training part.
        cyclic: whether all but the year are such pairs. Default: ``True``.

    Attributes:
        feature_names: names of the resulting columns, ``"when_month_sin"`` say.

    Raises:
        ValueError: if there is no such part.

    Example:
        >>> import numpy as np
        >>> from steep.data.transforms import DateParts
        >>> dates = np.array(["2024-02-29T18:00"], "datetime64[s]")
        >>> DateParts(cyclic=False).fit_transform(dates).tolist()
        [[2024.0, 2.0, 29.0, 3.0, 18.0]]
        >>> DateParts(["month"]).fit(dates).feature_names
        ['x0_month_sin', 'x0_month_cos']
    """

    _arguments = ("parts", "cyclic")
    _learned = ("chosen",)
    chosen: list[list[Any]]  # the name of each column, then its parts

    def __init__(self, parts: Any = None, cyclic: bool = True) -> None:
        unknown = [part for part in parts or () if part not in _PARTS]
        if unknown:
            raise ValueError(
                f"DateParts: expected parts of {', '.join(_PARTS)}, got {', '.join(unknown)}"
            )
        self.parts = None if parts is None else list(parts)
        self.cyclic = cyclic

    def fit(self, x: Any) -> DateParts:
        """Look at the training part: a table's columns, or an array of dates.

        Raises:
            ValueError: if a column does not hold dates.
        """
        columns, named = columns_in(x, "DateParts.fit")
        self.chosen = [[column.name, *self._choice(column)] for column in columns]
        self.names = [column.name for column in columns] if named else None
        return self

    def _choice(self, column: Column) -> list[str]:
        if self.parts is not None:
            return self.parts
        dates = column.dates("DateParts.fit")
        known = dates[~np.isnat(dates)]
        midnight = bool((known == known.astype(_DAY)).all())
        return [part for part in _PARTS if part != "hour" or not midnight]

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns that `transform` gives."""
        return [f"{column}_{part}" for column, part in self._features()]

    @property
    def feature_columns(self) -> list[str]:
        """The column that each of them is made of."""
        return [column for column, _ in self._features()]

    def _features(self) -> list[tuple[str, str]]:
        """Column, and part of it, of each feature."""
        self._check_fitted()
        return [
            (column, f"{part}{end}")
            for column, *parts in self.chosen
            for part in parts
            for end in (("_sin", "_cos") if self.cyclic and part in _ROUND else ("",))
        ]

    def transform(self, x: Any) -> Array:
        """Float64 ``[rows, features]``, nan where a date is missing.

        Raises:
            RuntimeError: if it is not fitted.
            ValueError: if the columns are not those it was fitted on, or hold no dates.
        """
        self._check_fitted()
        what = "DateParts.transform"
        columns, _ = columns_in(x, what, self.names)
        if len(columns) != len(self.chosen):
            raise ValueError(
                f"{what}: expected {len(self.chosen)} columns, as fitted, got {len(columns)}"
            )
        out = np.empty((len(columns[0].values), len(self.feature_names)))
        at = 0
        for column, (_, *parts) in zip(columns, self.chosen, strict=True):
            dates = column.dates(what)
            missing = np.isnat(dates)
            dates = np.where(missing, np.datetime64(0, "us"), dates)
            start = at
            for part in parts:
                values = _PARTS[part](dates)
                if self.cyclic and part in _ROUND:
                    angle = values * (2 * math.pi / _ROUND[part])
                    out[:, at], out[:, at + 1] = np.sin(angle), np.cos(angle)
                    at += 2
                else:
                    out[:, at] = values + _FIRST.get(part, 0)
                    at += 1
            out[missing, start:at] = math.nan
        return out
