"""Columns of polars frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep._optional import optional
from steep.data.tables.columns import Array, Column, levels_column

__all__ = ["polars_column"]


def polars_column(name: str, series: Any) -> Column:
    """The column that a polars Series is; errors as `column_of`."""
    polars = optional("polars", "tables", "steep.data.tables")
    dtype = series.dtype
    if dtype == polars.Null:
        return Column(name, "number", np.full(len(series), np.nan))
    if dtype.is_numeric() or dtype == polars.Boolean:
        return _numbers(name, series, polars)
    if dtype == polars.Datetime:
        series = series.dt.replace_time_zone(None)
        return Column(name, "date", series.to_numpy().astype("datetime64[us]"))
    if dtype == polars.Date:
        return Column(name, "date", series.to_numpy().astype("datetime64[us]"))
    if dtype == polars.Duration:
        micros = series.dt.total_microseconds().cast(polars.Float64).to_numpy()
        return Column(name, "number", micros / 1e6)
    if dtype == polars.Enum:
        text, order = series.cast(polars.String), dtype.categories
        return levels_column(name, _codes(text, order, polars), order.to_list(), declared=True)
    if dtype in (polars.String, polars.Time, polars.Categorical):
        text = series.cast(polars.String)
        found = text.drop_nulls().unique(maintain_order=True)
        column = levels_column(name, _codes(text, found, polars), found.to_list())
        return column._replace(declared=dtype == polars.Categorical)
    raise TypeError(
        f"column {name!r}: expected numbers, text, dates or truth values, got polars' {dtype}; "
        "take it apart into columns of their own"
    )


def _codes(series: Any, levels: Any, polars: Any) -> Array:
    numbers = polars.Series(range(len(levels)), dtype=polars.Int64)
    codes = series.replace_strict(levels, numbers, default=-1, return_dtype=polars.Int64)
    out: Array = codes.to_numpy()
    return out


def _numbers(name: str, series: Any, polars: Any) -> Column:
    if series.dtype == polars.Float32 and not series.null_count():
        return Column(name, "number", series.to_numpy())
    if series.null_count() or series.dtype.is_float() or series.dtype.is_decimal():
        return Column(name, "number", series.cast(polars.Float64).to_numpy())
    if series.dtype == polars.Boolean:
        return Column(name, "number", series.to_numpy())
    wide = polars.Float64 if series.dtype == polars.UInt64 else polars.Int64
    return Column(name, "number", series.cast(wide).to_numpy())
