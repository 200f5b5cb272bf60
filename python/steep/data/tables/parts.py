"""The parts of a table's matrix: its columns of numbers, of dates and of categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep._core import float64
from steep.data.tables.columns import Array
from steep.data.tables.frames import Frame
from steep.data.transforms.affine import (
    AffineScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from steep.data.transforms.base import Transform
from steep.data.transforms.categories import OneHotEncoder
from steep.data.transforms.dates import DateParts
from steep.data.transforms.imputing import statistic
from steep.data.transforms.quantile import QuantileTransformer
from steep.data.transforms.restoring import transform_from_state

__all__ = ["SCALES", "CategoryPart", "DatePart", "NumberPart", "TablePart"]

SCALES = ("standard", "minmax", "robust", "quantile", "normal", "none")
_CHUNK = 1 << 17  # numbers that are filled and scaled at a time, so that they stay in the cache


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

    @property
    def sources(self) -> list[str]:
        """The column that each feature is made of."""
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

    def __init__(self, columns: list[str], scale: str, impute: str | float, infinite: str) -> None:
        self.columns = list(columns)
        self.scale = scale
        self.impute = impute
        self.infinite = infinite

    def fit_frame(self, frame: Frame, what: str) -> None:
        # Column by column in memory, which is how they come and how they are filled.
        columns = np.empty((len(self.columns), frame.rows))
        fill, ends, gaps = [], [], []
        for row, values in zip(columns, self._numbers(frame, what), strict=True):
            missing = np.isnan(values)
            gaps.append(bool(missing.any()))
            known = values[~missing] if gaps[-1] else values
            ends.append((known.min(), known.max()))
            if not np.isfinite(ends[-1]).all():
                self._refuse(np.isinf(values), len(ends) - 1, what)
            impute = self.impute
            fill.append(statistic(known, impute) if isinstance(impute, str) else impute)
            row[:] = np.where(missing, fill[-1], values) if gaps[-1] else values
        self.fill = np.array(fill, np.float64)
        self.indicators = np.flatnonzero(gaps).tolist()
        # Where the known values are all the same, only the missing ones tell rows apart.
        self.kept = [i for i, (least, most) in enumerate(ends) if least < most]
        scaler = _scaler(self.scale)
        if len(self.kept) < len(columns):
            columns = columns[self.kept]
        self.scaler = None if scaler is None else scaler.fit(columns.T)

    @property
    def feature_names(self) -> list[str]:
        values = [self.columns[i] for i in self.kept]
        return values + [f"{self.columns[i]}_missing" for i in self.indicators]

    @property
    def sources(self) -> list[str]:
        return [self.columns[i] for i in (*self.kept, *self.indicators)]

    def write(self, frame: Frame, out: Array, what: str) -> None:
        numbers = self._numbers(frame, what)
        size = max(16, _CHUNK // len(numbers))
        chunk = np.empty((len(numbers), min(size, frame.rows)))
        for start in range(0, frame.rows, size):
            part = chunk[:, : min(size, frame.rows - start)]
            rows = slice(start, start + part.shape[1])
            for i, values in enumerate(numbers):
                part[i] = values[rows]
            missing = np.isnan(part)
            filled = np.where(missing, self.fill[:, None], part) if missing.any() else part
            filled = filled if len(self.kept) == len(part) else filled[self.kept]
            with np.errstate(over="ignore"):
                out[rows, : len(self.kept)] = self._scaled(filled).T
            if self.indicators:
                out[rows, len(self.kept) :] = missing[self.indicators].T
            if not np.isfinite(out[rows]).all():
                self._explain(part, out[rows], start, what)

    def _scaled(self, columns: Array) -> Array:
        if self.scaler is None:
            return columns
        if not isinstance(self.scaler, AffineScaler):
            scaled: Array = self.scaler.transform(columns.T).T
            return scaled
        # The same formula, but along the rows of a column, and in one thread.
        shift, scale = (t.numpy()[:, None] for t in self.scaler.affine(float64))
        out: Array = columns - shift
        out *= scale
        return out

    def _numbers(self, frame: Frame, what: str) -> list[Array]:
        numbers = [frame[name].numbers(what) for name in self.columns]
        if self.infinite == "missing":
            numbers = [np.where(np.isinf(values), np.nan, values) for values in numbers]
        return numbers

    def _refuse(self, infinite: Array, column: int, what: str, start: int = 0) -> None:
        raise ValueError(
            f"{what}: column {self.columns[column]!r} holds infinite values, the first in row "
            f"{start + int(infinite.argmax())}; replace them, or say infinite='missing'"
        )

    def _explain(self, given: Array, made: Array, start: int, what: str) -> None:
        """Raise ValueError for what is not finite, though no value is missing any more."""
        infinite = np.isinf(given)
        if infinite.any():
            column = int(infinite.any(1).argmax())
            self._refuse(infinite[column], column, what, start)
        row, feature = (int(place[0]) for place in np.nonzero(~np.isfinite(made)))
        column = self.kept[feature]
        raise ValueError(
            f"{what}: column {self.columns[column]!r}: {given[column, row]:g} in row {start + row} "
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

    @property
    def sources(self) -> list[str]:
        names = self.dates.feature_columns
        return [names[i] for i in self.kept] + [self.columns[i] for i in self.indicators]

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

    @property
    def sources(self) -> list[str]:
        return self.encoder.feature_columns

    def write(self, frame: Frame, out: Array, what: str) -> None:
        out[:] = self.encoder.transform(frame.only(self.columns))
