"""Columns of pandas frames, whatever stores them: NumPy, pandas' own types, or Arrow."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep._optional import optional
from steep.data.tables.columns import Column, levels_column

__all__ = ["pandas_column"]

_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")
_PLAIN = (str, int, float, bool)


def pandas_column(name: str, series: Any) -> Column:
    """The column that a pandas Series, Index or array is; errors as `column_of`."""
    pandas = optional("pandas", "tables", "steep.data.tables")
    types = pandas.api.types
    series = pandas.Series(series)
    dtype = series.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        codes = series.cat.codes.to_numpy().astype(np.int64)
        return levels_column(name, codes, _plain(series.cat.categories.tolist()), declared=True)
    if types.is_bool_dtype(dtype) or (types.is_numeric_dtype(dtype) and dtype.kind in "iuf"):
        return _numbers(name, series)
    # Arrow's days count as datetime64 there, without their accessors.
    if types.is_datetime64_any_dtype(dtype) and not str(dtype).startswith("date32"):
        return _dates(name, series)
    if types.is_timedelta64_dtype(dtype):
        seconds = series.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
        return Column(name, "number", seconds)
    if isinstance(dtype, pandas.PeriodDtype):
        return _dates(name, series.dt.to_timestamp())
    if isinstance(dtype, pandas.StringDtype):
        return _text(name, series, pandas)
    return _objects(name, series.astype(object), pandas)


def _numbers(name: str, series: Any) -> Column:
    if series.isna().any() or (not isinstance(series.dtype, np.dtype) and series.dtype.kind == "f"):
        return Column(name, "number", series.to_numpy(dtype=np.float64, na_value=np.nan))
    values = series.to_numpy()
    if values.dtype == object:
        values = values.astype(np.float64 if series.dtype.kind == "f" else np.int64)
    if values.dtype.kind in "iu":
        values = values.astype(np.float64 if values.dtype == np.uint64 else np.int64)
    if values.dtype == np.float16:
        values = values.astype(np.float64)
    return Column(name, "number", values)


def _dates(name: str, series: Any) -> Column:
    # By way of pandas' own types: pandas 2.0 takes a zone from Arrow's times as if it were UTC, and
    # makes no array of their gaps.
    zone = getattr(series.dt, "tz", None)
    if zone is not None:
        own = optional("pandas", "tables", "steep.data.tables").DatetimeTZDtype("us", zone)
        series = series.astype(own).dt.tz_localize(None)
    return Column(name, "date", series.astype("datetime64[us]").to_numpy())


def _text(name: str, series: Any, pandas: Any) -> Column:
    codes, found = pandas.factorize(series)
    return levels_column(name, codes.astype(np.int64), [str(value) for value in found])


def _objects(name: str, series: Any, pandas: Any) -> Column:
    """Python objects: what they all are decides, missing ones apart."""
    inferred = pandas.api.types.infer_dtype(series, skipna=True)
    if inferred == "empty":
        return Column(name, "number", np.full(len(series), np.nan))
    if inferred == "boolean":
        return _numbers(name, series.astype("boolean"))
    if inferred in _NUMBERS:
        return _numbers(name, pandas.to_numeric(series.where(series.notna(), np.nan).map(float)))
    if inferred in ("date", "datetime", "datetime64"):
        return _dates(name, pandas.to_datetime(series))
    if inferred in ("timedelta", "timedelta64"):
        return pandas_column(name, pandas.to_timedelta(series))
    if inferred == "string":
        return _text(name, series, pandas)
    known = series.dropna()
    plain = known.map(lambda value: isinstance(value, (*_PLAIN, np.generic)) or "time" in inferred)
    if inferred in ("bytes", "complex") or not plain.all():
        odd = known[~plain].iloc[0] if not plain.all() else known.iloc[0]
        raise TypeError(
            f"column {name!r}: expected numbers, text, dates or truth values, got "
            f"{type(odd).__name__} objects; take them apart into columns of their own"
        )
    return _text(name, series.where(series.isna(), series.astype(str)), pandas)


def _plain(levels: list[Any]) -> list[Any]:
    """Declared levels as values that JSON has."""
    return [level if isinstance(level, _PLAIN) else str(level) for level in levels]
