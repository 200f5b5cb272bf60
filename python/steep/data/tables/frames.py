"""Tables of any library seen as named columns, and rows taken from them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from steep._core import Tensor
from steep._optional import optional
from steep.data.tables.columns import Array, Column, library_of
from steep.data.tables.converting import column_of
from steep.data.tables.naming import check_names, nearest
from steep.data.tables.reading import read_table

__all__ = ["Frame", "as_frame", "is_table", "take_rows"]


class Frame:
    """Columns by name; each is converted when it is first asked for.

    Args:
        columns: what `column_of` takes, by name; all of one length.
        rows: that length.
        named: whether the names are the table's own, not made up from positions.
    """

    def __init__(self, columns: Mapping[str, Any], rows: int, named: bool = True) -> None:
        self._given = dict(columns)
        self._columns: dict[str, Column] = {}
        self._whole: Frame | None = None  # whose columns these are,
        self._rows: Any = None  # at which rows
        self._array: Array | None = None  # the array that they are columns of
        self.rows = rows
        self.named = named

    @property
    def names(self) -> list[str]:
        """The names of the columns, in the table's order."""
        return list(self._given)

    def __getitem__(self, name: str) -> Column:
        if name not in self._columns:
            if self._whole is None:
                column = column_of(name, self._given[name])
            else:
                column = self._whole[name]
            self._columns[name] = column if self._rows is None else column.take(self._rows)
        return self._columns[name]

    def columnwise(self) -> Frame:
        """The same, an array's columns each in one piece: for what goes through them often."""
        if self._array is None or self._array.flags.f_contiguous:
            return self
        columns = np.ascontiguousarray(self._array.T)
        return Frame(dict(zip(self.names, columns, strict=True)), self.rows, named=False)

    def take(self, rows: Any) -> Frame:
        """The same columns at some rows."""
        taken = Frame(self._given, len(np.arange(self.rows)[rows]), self.named)
        taken._whole, taken._rows = self, rows
        return taken

    def only(self, names: Iterable[str]) -> Frame:
        """Some of the columns, in the order of `names`."""
        chosen = Frame({name: self._given[name] for name in names}, self.rows)
        chosen._whole = self
        return chosen

    def without(self, names: Iterable[str]) -> Frame:
        """The other columns; made-up names count them anew."""
        left = [name for name in self.names if name not in set(names)]
        if self.named:
            return self.only(left)
        return Frame({f"x{i}": self._given[n] for i, n in enumerate(left)}, self.rows, named=False)

    def require(self, names: Iterable[str], what: str) -> None:
        """Check that the columns are there.

        Raises:
            ValueError: if one is missing; the message says which name is nearest.
        """
        wanted = list(names)
        missing = [name for name in wanted if name not in self._given]
        if not missing:
            return
        if not self.named:
            raise ValueError(
                f"{what}: expected a table with the columns {', '.join(wanted)}, got an array of "
                f"{len(self._given)} columns without names; pass a frame or a dict of columns"
            )
        parts = [repr(name) + nearest(name, self.names) for name in missing]
        raise ValueError(
            f"{what}: the table lacks {'column' if len(parts) == 1 else 'columns'} "
            f"{', '.join(parts)}; it has {_listed(self.names)}"
        )

    def matrix(self, names: Sequence[str], what: str) -> Array:
        """Columns of numbers side by side, float64 ``[rows, columns]``, nan where missing."""
        out = np.empty((self.rows, len(names)))
        for i, name in enumerate(names):
            out[:, i] = self[name].numbers(what)
        return out


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(map(repr, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def is_table(value: Any) -> bool:
    """Whether it is a frame of pandas, polars or Arrow."""
    # Of the class: asking a lazy frame itself would begin to compute.
    known = library_of(value) in ("pandas", "polars", "pyarrow")
    return known and hasattr(type(value), "columns")


def as_frame(table: Any, what: str) -> Frame:
    """See any table as named columns.

    Args:
        table: a frame of pandas, polars or Arrow, a dict of columns, a list of dicts (rows), a
            structured array, or a 2-d array or tensor, whose columns get the names x0, x1, ...;
            or a path, which `read_table` reads.
        what: who asks; begins messages.

    Raises:
        TypeError: if it is nothing of the kind.
        ValueError: if names occur twice or columns differ in length.
    """
    if isinstance(table, Frame):
        return table
    if isinstance(table, (str, os.PathLike)):
        table = read_table(table)
    library = library_of(table)
    if library == "pyarrow" and hasattr(table, "to_pandas"):
        check_names(table.column_names, what)
        table, library = table.to_pandas(), "pandas"
    if library == "polars" and hasattr(table, "collect"):
        raise TypeError(f"{what}: expected a table, got a LazyFrame; call .collect() on it first")
    if library in ("pandas", "polars"):
        return _library_frame(table, what)
    if isinstance(table, Mapping):
        return _mapped(table, what)
    if isinstance(table, np.ndarray) and table.dtype.names:
        return Frame({name: table[name] for name in table.dtype.names}, len(table))
    if isinstance(table, (list, tuple)) and table and isinstance(table[0], Mapping):
        pandas = optional("pandas", "tables", f"{what} with a list of dicts")
        return _library_frame(pandas.DataFrame(list(table)), what)
    if isinstance(table, (np.ndarray, Tensor, list, tuple)):
        return _positions(table, what)
    raise TypeError(
        f"{what}: expected a frame of pandas or polars, a dict of columns, a 2-d array or a path, "
        f"got {type(table).__name__}"
    )


def _library_frame(table: Any, what: str) -> Frame:
    if not hasattr(table, "columns"):
        raise TypeError(
            f"{what}: expected a table, got a {type(table).__name__}, which is a single column; "
            "pass frame[['name']]"
        )
    names = check_names(list(table.columns), what)
    if library_of(table) == "pandas":
        return Frame({name: table.iloc[:, i] for i, name in enumerate(names)}, len(table))
    return Frame({name: table[name] for name in names}, table.height)


def _mapped(table: Mapping[Any, Any], what: str) -> Frame:
    names = check_names(list(table), what)
    lengths = {}
    for name, values in zip(names, table.values(), strict=True):
        if isinstance(values, str) or not hasattr(values, "__len__"):
            raise TypeError(
                f"{what}: column {name!r}: expected one value per row, got {values!r}; for a table "
                f"of one row write [{values!r}]"
            )
        lengths[name] = len(values)
    if len(set(lengths.values())) > 1:
        texts = ", ".join(f"{name!r} has {size}" for name, size in lengths.items())
        raise ValueError(f"{what}: expected columns of one length, got {texts} rows")
    rows = next(iter(lengths.values()), 0)
    return Frame(dict(zip(names, table.values(), strict=True)), rows)


def _positions(table: Any, what: str) -> Frame:
    """An array's columns, named after their positions."""
    if isinstance(table, Tensor):
        table = table.detach().numpy()
    try:
        array = np.asarray(table)
    except ValueError as error:
        raise ValueError(f"{what}: expected rows of one length, got lists that differ") from error
    if array.ndim != 2:
        raise ValueError(
            f"{what}: expected a 2-d array [rows, columns], got shape {array.shape}"
            + ("; write x[:, None] for a single column" if array.ndim == 1 else "")
        )
    columns = {f"x{i}": array[:, i] for i in range(array.shape[1])}
    frame = Frame(columns, len(array), named=False)
    frame._array = array
    return frame


def take_rows(table: Any, rows: Any) -> Any:
    """Rows of a frame, by position, as a frame of the same library."""
    if library_of(table) == "pandas":
        return table.iloc[rows]
    if library_of(table) == "pyarrow":
        return table.take(rows)
    return table[rows]
