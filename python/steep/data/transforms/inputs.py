"""What transforms are given, as arrays and columns: tensors, arrays, lists and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steep._core import Tensor, as_tensor, float32, from_numpy
from steep.data.tables.columns import Array, Column, as_number, library_of
from steep.data.tables.converting import column_of
from steep.data.tables.frames import Frame, as_frame, is_table

__all__ = ["check_finite", "columns_in", "given_back", "numbers_in"]


def _frame(x: Any, what: str) -> Frame | None:
    """The table that `x` is, or ``None`` if it is an array of some kind."""
    records = isinstance(x, (list, tuple)) and x and isinstance(x[0], Mapping)
    if isinstance(x, (Frame, Mapping)) or is_table(x) or records:
        return as_frame(x, what)
    return None


def _chosen(frame: Frame, names: list[str] | None, what: str) -> list[str]:
    if names is None:
        return frame.names
    frame.require(names, what)
    return names


def numbers_in(x: Any, what: str, names: list[str] | None = None) -> tuple[Array, list[str] | None]:
    """Floats ``[rows, *columns]``, nan where missing, and the names of a table's columns.

    Args:
        x: a tensor, array, list, series or table.
        what: who asks; begins messages.
        names: the columns to take of a table. Default: all.

    Raises:
        ValueError: if there is something else than numbers, or a column is not there.
    """
    frame = _frame(x, what)
    if frame is not None:
        chosen = _chosen(frame, names, what)
        return frame.matrix(chosen, what), chosen if frame.named else None
    if library_of(x) in ("pandas", "polars"):
        return column_of(str(getattr(x, "name", None)), x).numbers(what), None
    if isinstance(x, Tensor):
        x = x.detach().numpy()
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{what}: expected rows of one length, got lists that differ") from error
    if array.dtype.kind in "OU":
        array = _read(array, what)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what}: expected numbers, got an array of dtype {array.dtype}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim == 0:
        raise ValueError(f"{what}: expected rows, got a single number")
    return array, None


def _read(array: Array, what: str) -> Array:
    """Objects and text as numbers, if they all are."""
    try:
        floats: Array = array.astype(np.float64)
        return floats
    except (TypeError, ValueError):
        flat = [value for value in array.ravel().tolist() if value is not None]
        first = next((v for v in flat if not (v == "nan" or _is_number(v))), None)
        if first is None:  # None among numbers
            missing = np.frompyfunc(lambda value: value is None, 1, 1)(array).astype(bool)
            return np.where(missing, np.nan, array).astype(np.float64)
        raise ValueError(
            f"{what}: expected numbers, got {first!r}; categories become numbers by OneHotEncoder, "
            "whole tables by TableTransform"
        ) from None


def _is_number(value: Any) -> bool:
    number = as_number(value)
    return number == number


def check_finite(values: Array, what: str, nan: bool = False) -> None:
    """Raise ValueError if there is an infinity, or a nan where these are not allowed."""
    bad = ~np.isfinite(values)
    if nan:
        bad &= ~np.isnan(values)
    if bad.any():
        kind = "are infinite" if nan else "are nan or infinite"
        raise ValueError(
            f"{what}: expected finite values, got {int(bad.sum())} that {kind}; drop or fill them "
            "first"
        )


def given_back(values: Array, x: Any) -> Any:
    """The result for `x`: a tensor for a tensor, of its dtype if that is floating."""
    if not isinstance(x, Tensor):
        return values
    out = from_numpy(np.ascontiguousarray(values))
    if not out.is_floating_point():
        return out
    return as_tensor(out, dtype=x.dtype if x.is_floating_point() else float32)


def columns_in(x: Any, what: str, names: list[str] | None = None) -> tuple[list[Column], bool]:
    """The columns of a table, of a 2-d array, or the one that a 1-d array is; and whether the names
    are a table's own. Errors as `numbers_in`.
    """
    frame = _frame(x, what)
    if frame is None:
        one_column = library_of(x) in ("pandas", "polars")
        if not one_column:
            x = x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)
        if one_column or x.ndim == 1:
            return [column_of("x0", x)], False
        frame = as_frame(x, what)
    chosen = _chosen(frame, names if frame.named else None, what)
    return [frame[name] for name in chosen], frame.named
