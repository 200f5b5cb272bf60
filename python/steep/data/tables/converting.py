"""Columns made of what any library, NumPy or Python itself has for one."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep._core import Tensor
from steep._optional import optional
from steep.data.tables._pandas import pandas_column
from steep.data.tables._polars import polars_column
from steep.data.tables.columns import Array, Column, levels_column, library_of

__all__ = ["column_of"]


def column_of(name: str, values: Any) -> Column:
    """The column that a series, array, tensor or list of values is.

    Raises:
        ValueError: if it does not have one dimension.
        TypeError: if it holds something else than numbers, text, dates and truth values.
        ImportError: if Python objects are to be told apart without pandas.
    """
    if isinstance(values, Column):
        return values
    library = library_of(values)
    if library == "pandas":
        return pandas_column(name, values)
    if library == "polars":
        return polars_column(name, values)
    if isinstance(values, Tensor):
        values = values.detach().numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:  # lists of unequal lengths
        raise ValueError(
            f"column {name!r}: expected one value per row, got nested lists"
        ) from error
    if array.ndim != 1:
        raise ValueError(
            f"column {name!r}: expected one value per row, got an array of shape {array.shape}"
        )
    return _array_column(name, array)


def _array_column(name: str, array: Array) -> Column:
    kind = array.dtype.kind
    if kind == "b" or (kind == "f" and array.dtype.itemsize in (4, 8)):
        return Column(name, "number", array)
    if kind in "iu":
        large = kind == "u" and array.dtype.itemsize == 8
        return Column(name, "number", array.astype(np.float64 if large else np.int64))
    if kind == "f":
        return Column(name, "number", array.astype(np.float64))
    if kind == "M":
        return Column(name, "date", array.astype("datetime64[us]"))
    if kind == "m":
        seconds = array / np.timedelta64(1, "s")
        return Column(name, "number", seconds)
    if kind == "U":
        found, codes = np.unique(array, return_inverse=True)
        return levels_column(name, codes.astype(np.int64), found.tolist())
    if kind in "OT":
        pandas = optional("pandas", "tables", "steep.data with columns of Python objects")
        return pandas_column(name, pandas.Series(array.astype(object), dtype=object))
    raise TypeError(
        f"column {name!r}: expected numbers, text, dates or truth values, got dtype {array.dtype}"
    )
