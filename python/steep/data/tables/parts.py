"""The parts of a table's matrix: its columns of numbers, of dates and of categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep.data.tables.columns import Array
from steep.data.tables.frames import Frame
from steep.data.transforms.affine import MinMaxScaler, RobustScaler, StandardScaler
from steep.data.transforms.base import Transform
from steep.data.transforms.categories import OneHotEncoder
from steep.data.transforms.dates import DateParts
from steep.data.transforms.imputing import SimpleImputer
from steep.data.transforms.quantile import QuantileTransformer
from steep.data.transforms.restoring import transform_from_state

__all__ = ["SCALES", "CategoryPart", "DatePart", "NumberPart", "TablePart"]

SCALES = ("standard", "minmax", "robust", "quantile", "normal", "none")
_CHUNK = 1 << 15  # rows that are filled and scaled at a time, so that they stay in the cache


def _scaler(scale: str) -> Transform | None:
    if scale in ("quantile", "normal"):
        return QuantileTransformer(1000, "uniform" if scale == "quantile" else "normal")
    kinds = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}
    return kinds[scale]() if scale != "none" else None


class TablePart(Transform):
    """Base of the parts: each turns columns of its kind into features.

    Attributes:
        columns: names of its columns.
    """

    columns: list[str]

    def fit_frame(self, frame: Frame, what: str) -> None:
        """Learn from the training rows."""
        raise NotImplementedError

    @property
    def feature_names(self) -> list[str]:
        """Names of its features."""
        raise NotImplementedError

    def write(self, frame: Frame, out: Array, what: str) -> None:
        """Write the features into float32 `out`, ``[rows, features]``."""
        raise NotImplementedError

    def _restored(self, name: str, value: Any) -> Any:
        if name in ("scaler", "encoder", "dates"):
            return None if value is None else transform_from_state(value)
        return super()._restored(name, value)


class NumberPart(TablePart):
    """Numbers: filled, scaled, and a column of 0 and 1 where the training rows lack some."""

    _arguments = ("columns", "scale", "impute", "infinite")
    _learned = ("fill", "kept", "indicators", "scaler")
    fill: Array
    kept: list[int]
    indicators: list[int]
    scaler: Transform | None

    def __init__(self, columns: list[str], scale: str, impute: str, infinite: str) -> None:
        self.columns = list(columns)
        self.scale = scale
        self.impute = impute
        self.infinite = infinite

    def fit_frame(self, frame: Frame, what: str) -> None:
        matrix = np.empty((frame.rows, len(self.columns)))
        for i, values in enumerate(self._numbers(frame, what)):
            matrix[:, i] = values
        self._check(matrix, matrix, what)
        missing = np.isnan(matrix)
        self.fill = np.array(SimpleImputer(self.impute).fit(matrix).statistics, np.float64)
        self.indicators = np.flatnonzero(missing.any(0)).tolist()
        matrix = np.where(missing, self.fill, matrix)
        # Where the known values are all the same, only the missing ones tell rows apart.
        self.kept = np.flatnonzero(matrix.min(0) < matrix.max(0)).tolist()
        scaler = _scaler(self.scale)
        self.scaler = None if scaler is None else scaler.fit(matrix[:, self.kept])

    @property
    def feature_names(self) -> list[str]:
        values = [self.columns[i] for i in self.kept]
        return values + [f"{self.columns[i]}_missing" for i in self.indicators]

    def write(self, frame: Frame, out: Array, what: str) -> None:
        numbers = self._numbers(frame, what)
        chunk = np.empty((min(_CHUNK, frame.rows), len(numbers)))
        for start in range(0, frame.rows, _CHUNK):
            part = chunk[: min(_CHUNK, frame.rows - start)]
            rows = slice(start, start + len(part))
            for i, values in enumerate(numbers):
                part[:, i] = values[rows]
            missing = np.isnan(part)
            filled = np.where(missing, self.fill, part)[:, self.kept]
            with np.errstate(over="ignore"):
                out[rows, : len(self.kept)] = (
                    filled if self.scaler is None else self.scaler.transform(filled)
                )
            out[rows, len(self.kept) :] = missing[:, self.indicators]
            self._check(part, out[rows], what, start)

    def _numbers(self, frame: Frame, what: str) -> list[Array]:
        numbers = [frame[name].numbers(what) for name in self.columns]
        if self.infinite == "missing":
            numbers = [np.where(np.isinf(values), np.nan, values) for values in numbers]
        return numbers

    def _check(self, given: Array, made: Array, what: str, start: int = 0) -> None:
        """Raise ValueError if a number is infinite, or became so in float32."""
        if not (np.isinf(made).any() or np.isinf(given).any()):
            return
        infinite = np.isinf(given)
        if infinite.any():
            column = int(infinite.any(0).argmax())
            rows = np.flatnonzero(infinite[:, column])
            raise ValueError(
                f"{what}: column {self.columns[column]!r} holds infinite values, the first in row "
                f"{start + rows[0]}; replace them, or say infinite='missing'"
            )
        row, feature = (int(place[0]) for place in np.nonzero(np.isinf(made)))
        column = self.kept[feature]
        raise ValueError(
            f"{what}: column {self.columns[column]!r}: {given[row, column]:g} in row {start + row} "
            "is too large for float32 once scaled; is it in the units of the training part?"
        )


class DatePart(TablePart):
    """Dates: their parts standardised, and a column of 0 and 1 where training rows lack some."""

    _arguments = ("columns", "cyclic")
    _learned = ("dates", "kept", "fill", "indicators", "scaler")
    dates: DateParts
    kept: list[int]
    fill: Array
    indicators: list[int]
    scaler: Transform

    def __init__(self, columns: list[str], cyclic: bool) -> None:
        self.columns = list(columns)
        self.cyclic = cyclic

    def _table(self, frame: Frame, what: str) -> dict[str, Array]:
        return {name: frame[name].dates(what) for name in self.columns}

    def fit_frame(self, frame: Frame, what: str) -> None:
        table = self._table(frame, what)
        self.dates = DateParts(None, self.cyclic).fit(table)
        matrix = self.dates.transform(table)
        # A part that never changes (the year, often) says nothing.
        self.kept = np.flatnonzero(np.nanmin(matrix, 0) < np.nanmax(matrix, 0)).tolist()
        matrix = matrix[:, self.kept]
        self.fill = np.nanmean(matrix, 0) if len(self.kept) else np.empty(0)
        self.indicators = [
            i for i, name in enumerate(self.columns) if np.isnat(table[name]).any()
        ]  # fmt: skip
        self.scaler = StandardScaler().fit(np.where(np.isnan(matrix), self.fill, matrix))

    @property
    def feature_names(self) -> list[str]:
        names = self.dates.feature_names
        return [names[i] for i in self.kept] + [
            f"{self.columns[i]}_missing" for i in self.indicators
        ]

    def write(self, frame: Frame, out: Array, what: str) -> None:
        table = self._table(frame, what)
        matrix = self.dates.transform(table)[:, self.kept]
        out[:, : len(self.kept)] = self.scaler.transform(
            np.where(np.isnan(matrix), self.fill, matrix)
        )
        for i, column in enumerate(self.indicators, len(self.kept)):
            out[:, i] = np.isnat(table[self.columns[column]])


class CategoryPart(TablePart):
    """Categories: a column of 0 and 1 for each level."""

    _arguments = ("columns", "unknown", "min_count")
    _learned = ("encoder",)
    encoder: OneHotEncoder

    def __init__(self, columns: list[str], unknown: str, min_count: int) -> None:
        self.columns = list(columns)
        self.unknown = unknown
        self.min_count = min_count

    def fit_frame(self, frame: Frame, what: str) -> None:
        self.encoder = OneHotEncoder(self.unknown, self.min_count).fit(frame.only(self.columns))

    @property
    def feature_names(self) -> list[str]:
        return self.encoder.feature_names

    def write(self, frame: Frame, out: Array, what: str) -> None:
        out[:] = self.encoder.transform(frame.only(self.columns))
