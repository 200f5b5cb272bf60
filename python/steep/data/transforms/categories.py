"""Categories as numbers: a column of 0 and 1 for each level, or a code."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep.data.tables.columns import Array, Column, level_key
from steep.data.tables.naming import nearest
from steep.data.transforms.base import Transform
from steep.data.transforms.inputs import columns_in

__all__ = ["CategoryEncoder", "OneHotEncoder", "OrdinalEncoder"]


class CategoryEncoder(Transform):
    """Base of the encoders: learns which levels each column has.

    Levels are text, numbers or truth values; 3, 3.0 and ``"3"`` are one level. A missing value is a
    level of its own, the last, if the training part has one; otherwise it counts as unknown.
    """

    _arguments = ("unknown", "min_count")
    _learned = ("columns", "categories")
    _unknown: tuple[str, ...]
    columns: list[str]
    categories: list[list[Any]]

    def __init__(self, unknown: str = "error", min_count: int = 1) -> None:
        name = type(self).__name__
        if unknown not in self._unknown:
            raise ValueError(
                f"{name}: expected unknown to be one of {', '.join(self._unknown)}, got {unknown!r}"
            )
        if min_count > 1 and unknown == "error":
            raise ValueError(
                f"{name}: min_count={min_count} makes rare levels unknown ones, which "
                f"unknown='error' refuses; take unknown={self._unknown[1]!r}"
            )
        self.unknown = unknown
        self.min_count = min_count

    def fit(self, x: Any) -> Any:
        """Learn the levels of the training part: a table, or an array ``[rows, columns]``.

        Raises:
            ValueError: if there is no row.
        """
        what = f"{type(self).__name__}.fit"
        columns, named = columns_in(x, what)
        if not columns or not len(columns[0].values):
            raise ValueError(f"{what}: expected at least one row and one column")
        self.columns = [column.name for column in columns]
        self.categories = [self._levels(column.as_levels()) for column in columns]
        self.names = self.columns if named else None
        self._refresh()
        return self

    def _levels(self, column: Column) -> list[Any]:
        counts = np.bincount(column.values + 1, minlength=len(column.levels) + 1)
        kept = [
            level
            for level, count in zip(column.levels, counts[1:], strict=True)
            if count and count >= self.min_count
        ]
        return [*kept, None] if counts[0] >= max(1, self.min_count) else kept

    def _refresh(self) -> None:
        self._lookup = [
            {"" if level is None else level_key(level): code for code, level in enumerate(levels)}
            for levels in self.categories
        ]

    def codes(self, x: Any) -> Array:
        """The place of each value among its column's categories, int64 ``[rows, columns]``.

        Unknown levels are -1.

        Raises:
            RuntimeError: if the encoder is not fitted.
            ValueError: if the columns are not those it was fitted on, or a level is unknown and
                ``unknown="error"``.
        """
        self._check_fitted()
        what = f"{type(self).__name__}.transform"
        columns, _ = columns_in(x, what, self.names)
        if len(columns) != len(self.columns):
            raise ValueError(
                f"{what}: expected {len(self.columns)} columns, as fitted, got {len(columns)}"
            )
        out = np.empty((len(columns[0].values), len(columns)), np.int64)
        for i, column in enumerate(columns):
            out[:, i] = self._codes(column.as_levels(), i, what)
        return out

    def _codes(self, column: Column, i: int, what: str) -> Array:
        lookup = self._lookup[i]
        numeric = all(isinstance(level, (int, float, type(None))) for level in self.categories[i])
        keys = [level_key(level, numeric) for level in column.levels]
        # Missing is -1, the last entry of the table.
        table = np.array([*(lookup.get(key, -1) for key in keys), lookup.get("", -1)])
        codes: Array = table[column.values]
        if self.unknown == "error" and (codes < 0).any():
            rows = np.flatnonzero(codes < 0)
            code = int(column.values[rows[0]])
            got = "a missing value" if code < 0 else repr(column.levels[code])
            levels = [str(level) for level in self.categories[i] if level is not None]
            hint = "" if code < 0 else nearest(str(column.levels[code]), levels)
            raise ValueError(
                f"{what}: column {self.columns[i]!r}: {len(rows)} of {len(codes)} rows hold "
                f"categories that the training part does not have, the first {got}{hint} in row "
                f"{rows[0]}; unknown={self._unknown[1]!r} takes them"
            )
        return codes

    def _inverse(self, codes: Array) -> Array:
        out = np.empty(codes.shape, object)
        for i, levels in enumerate(self.categories):
            table = np.array([*levels, None, None], object)
            known = np.where((codes[:, i] < 0) | (codes[:, i] > len(levels)), -1, codes[:, i])
            out[:, i] = table[known]
        return out


class OneHotEncoder(CategoryEncoder):
    """For each level of each column a column that is 1 where the level is, and 0 elsewhere.

    Args:
        unknown: what becomes of a level that the training part does not have: ``"error"``,
            ``"zeros"`` (0 in all columns) or ``"own"`` (a column of its own, after the levels').
            Default: ``"error"``.
        min_count: levels in fewer training rows count as unknown. Default: 1, none does.

    Attributes:
        categories: the levels of each column, sorted, ``None`` for missing; set by `fit`.
        feature_names: names of the resulting columns, ``"city=Bern"`` say.

    Raises:
        ValueError: if `unknown` is none of these.

    Example:
        >>> from steep.data.transforms import OneHotEncoder
        >>> encoder = OneHotEncoder(unknown="zeros").fit({"city": ["Uri", "Bern", "Uri"]})
        >>> encoder.feature_names
        ['city=Bern', 'city=Uri']
        >>> encoder.transform({"city": ["Uri", "Rome"]}).tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """

    _unknown = ("error", "zeros", "own")

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns that `transform` gives."""
        self._check_fitted()
        own = ["unknown"] if self.unknown == "own" else []
        return [
            f"{name}={'missing' if level is None else level}"
            for name, levels in zip(self.columns, self.categories, strict=True)
            for level in [*levels, *own]
        ]

    @property
    def feature_columns(self) -> list[str]:
        """The column that each of them is made of."""
        self._check_fitted()
        own = self.unknown == "own"
        sizes = [len(levels) + own for levels in self.categories]
        return [n for n, size in zip(self.columns, sizes, strict=True) for _ in range(size)]

    def transform(self, x: Any) -> Array:
        """Float32 ``[rows, features]``.

        Raises:
            RuntimeError: if the encoder is not fitted.
            ValueError: as `codes`.
        """
        codes = self.codes(x)
        own = self.unknown == "own"
        sizes = [len(levels) + own for levels in self.categories]
        out = np.zeros((len(codes), sum(sizes)), np.float32)
        start = 0
        for i, size in enumerate(sizes):
            places = codes[:, i]
            if own:
                places = np.where(places < 0, size - 1, places)
            rows = np.flatnonzero(places >= 0)
            out[rows, start + places[rows]] = 1
            start += size
        return out

    def inverse_transform(self, x: Any) -> Array:
        """The levels, objects ``[rows, columns]``; ``None`` where none, or the unknown, is marked.

        Raises:
            RuntimeError: if the encoder is not fitted.
            ValueError: if there are not as many columns as `transform` gives.
        """
        width = len(self.feature_names)
        marks = np.asarray(x)
        if marks.ndim != 2 or marks.shape[1] != width:
            raise ValueError(
                f"OneHotEncoder.inverse_transform: expected {width} columns, got shape "
                f"{marks.shape}"
            )
        codes = np.full((len(marks), len(self.categories)), -1, np.int64)
        start = 0
        for i, levels in enumerate(self.categories):
            size = len(levels) + (self.unknown == "own")
            block = marks[:, start : start + size]
            if size:
                codes[:, i] = np.where(block.any(1), block.argmax(1), -1)
            start += size
        return self._inverse(codes)


class OrdinalEncoder(CategoryEncoder):
    """A code for each level: 0, 1, ... in their order; what `nn.Embedding` takes.

    Args:
        unknown: what becomes of a level that the training part does not have: ``"error"``, or
            ``"own"``, the code after the last level's. Default: ``"error"``.
        min_count: levels in fewer training rows count as unknown. Default: 1, none does.

    Attributes:
        categories: the levels of each column, sorted, ``None`` for missing; set by `fit`.
        sizes: how many codes each column has, the unknown one included.

    Raises:
        ValueError: if `unknown` is none of these.

    Example:
        >>> from steep.data.transforms import OrdinalEncoder
        >>> encoder = OrdinalEncoder(unknown="own").fit({"city": ["Uri", "Bern", "Uri"]})
        >>> encoder.transform({"city": ["Uri", "Rome"]}).tolist(), encoder.sizes
        ([[1], [2]], [3])
    """

    _unknown = ("error", "own")

    @property
    def sizes(self) -> list[int]:
        """How many codes there are, by column: the rows of its embedding."""
        self._check_fitted()
        return [len(levels) + (self.unknown == "own") for levels in self.categories]

    def transform(self, x: Any) -> Array:
        """Int64 codes ``[rows, columns]``.

        Raises:
            RuntimeError: if the encoder is not fitted.
            ValueError: as `codes`.
        """
        codes = self.codes(x)
        own = np.array([len(levels) for levels in self.categories])
        return np.where(codes < 0, own, codes)

    def inverse_transform(self, x: Any) -> Array:
        """The levels of codes, objects ``[rows, columns]``; ``None`` for the unknown one.

        Raises:
            RuntimeError: if the encoder is not fitted.
            ValueError: if there are not as many columns as it was fitted on.
        """
        self._check_fitted()
        codes = np.asarray(x)
        if codes.ndim != 2 or codes.shape[1] != len(self.categories):
            raise ValueError(
                f"OrdinalEncoder.inverse_transform: expected {len(self.categories)} columns, got "
                f"shape {codes.shape}"
            )
        return self._inverse(codes)
