"""One column of any table as NumPy arrays: numbers, dates, or codes of levels.

Every library has its own types for a column. What works on columns here knows three kinds only, and
`converting.py` makes them of everything else:

- ``"number"``: int64, bool or floating point; missing is nan.
- ``"date"``: datetime64[us]; missing is NaT. Times with a zone keep what their clock shows.
- ``"levels"``: text and declared categories: int64 codes, missing is -1, and what they stand for.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steep._optional import optional

__all__ = ["Array", "Column", "as_number", "level_key", "levels_column", "library_of"]

Array = NDArray[Any]


class Column(NamedTuple):
    """A column and its kind.

    Attributes:
        name: its name, for messages.
        kind: ``"number"``, ``"date"`` or ``"levels"``.
        values: one entry per row, as above.
        levels: what the codes stand for; sorted, or in the order that a category type declares.
        declared: whether the table itself calls it a category.
    """

    name: str
    kind: str
    values: Array
    levels: tuple[Any, ...] = ()
    declared: bool = False

    def missing(self) -> Array:
        """Which rows have no value, bool ``[rows]``."""
        if self.kind == "levels":
            return self.values < 0
        if self.kind == "date":
            return np.isnat(self.values)
        if self.values.dtype.kind == "f":
            return np.isnan(self.values)
        return np.zeros(len(self.values), bool)

    def take(self, rows: Any) -> Column:
        """The same column at some rows; levels that do not occur there stay."""
        return self._replace(values=self.values[rows])

    def numbers(self, what: str) -> Array:
        """As floats, nan where missing; text is read where all of it is numbers.

        Raises:
            ValueError: if a row holds anything else; `what` begins the message.
        """
        if self.kind == "date":
            raise ValueError(f"{what}: column {self.name!r}: expected numbers, got dates")
        if self.kind == "number":
            values = self.values
            return values if values.dtype.kind == "f" else values.astype(np.float64)
        table = np.array([*map(as_number, self.levels), math.nan])
        bad = np.append(np.isnan(table[:-1]), False)
        bad[:-1] &= [not _spells_nan(level) for level in self.levels]
        if bad.any():
            rows = np.flatnonzero(bad[self.values])
            if len(rows):
                first = self.levels[self.values[rows[0]]]
                raise ValueError(
                    f"{what}: column {self.name!r}: expected numbers, got text in {len(rows)} of "
                    f"{len(self.values)} rows, the first {first!r} in row {rows[0]}"
                )
        out: Array = table[self.values]
        return out

    def dates(self, what: str) -> Array:
        """As datetime64[us]; text is read where all of it is dates of ISO 8601.

        Raises:
            ValueError: if a row holds anything else.
            ImportError: if dates are to be read from text without pandas.
        """
        if self.kind == "date":
            return self.values
        if self.kind == "number":
            if self.missing().all():
                return np.full(len(self.values), "NaT", "datetime64[us]")
            raise ValueError(
                f"{what}: column {self.name!r}: expected dates, got numbers; convert them first, "
                "with pandas.to_datetime say"
            )
        pandas = optional("pandas", "tables", what)
        texts = pandas.Series([str(level) for level in self.levels], dtype=object)
        # With an offset in the text there is no one clock for the column: then it is UTC's.
        read = pandas.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
        table = read.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
        table = np.append(table, np.datetime64("NaT", "us"))
        bad = np.append(np.isnat(table[:-1]), False)[self.values]
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            got = str(self.levels[self.values[row]])
            slashes = "; read the table with slashes='day-first' or slashes='month-first'"
            raise ValueError(
                f"{what}: column {self.name!r}: expected dates such as 2024-05-31 or "
                f"2024-05-31T18:00, got {got!r} in row {row}{slashes if '/' in got else ''}"
            )
        out: Array = table[self.values]
        return out

    def as_levels(self) -> Column:
        """As codes of levels: numbers and dates become categories, one for each value."""
        if self.kind == "levels":
            return self
        missing = self.missing()
        codes = np.full(len(self.values), -1, np.int64)
        found, codes[~missing] = np.unique(self.values[~missing], return_inverse=True)
        # Of whole numbers that gaps made floats of; beyond 2^53 neighbours would be the same.
        whole = found.dtype.kind == "f" and bool((np.abs(found) < 2.0**53).all())
        whole = whole and bool((found % 1 == 0).all())
        if self.kind == "date":
            levels = tuple(str(value).removesuffix("T00:00:00.000000") for value in found)
        else:
            known = (found.astype(np.int64) if whole else found).tolist()
            # Infinities by their names, as JSON has no numbers for them.
            levels = tuple(x if math.isfinite(x) else str(x) for x in known)
        return Column(self.name, "levels", codes, levels)


def level_key(level: Any, numeric: bool = False) -> str:
    """What makes two levels one category: 3, 3.0 and "3" are the same one, and so are true and 1.

    Among `numeric` levels text stands for the number that it spells.
    """
    if numeric and isinstance(level, str):
        number = as_number(level)
        level = level if math.isnan(number) else number
    if isinstance(level, bool) or (isinstance(level, float) and level.is_integer()):
        return str(int(level))
    return str(level)


def as_number(level: Any) -> float:
    """The number that a level is or spells, truth values too; nan for none."""
    try:
        return math.nan if "_" in str(level) else float(level)  # Python's 1_000 is no number here
    except (TypeError, ValueError):
        return {"true": 1.0, "false": 0.0}.get(str(level).strip().lower(), math.nan)


def _spells_nan(level: Any) -> bool:
    return str(level).strip().lower() in ("nan", "na", "n/a", "null", "none")


def library_of(value: Any) -> str:
    """The top module of a value's class: looking must import nothing."""
    return type(value).__module__.partition(".")[0]


def levels_column(name: str, codes: Array, levels: list[Any], declared: bool = False) -> Column:
    """A column of codes, those levels only that occur, sorted unless declared.

    Text that is empty, or blank, counts as missing.
    """
    counts = np.bincount(codes + 1, minlength=len(levels) + 1)[1:]
    kept = [
        i for i, level in enumerate(levels)
        if counts[i] and not (isinstance(level, str) and not level.strip())
    ]  # fmt: skip
    if not declared:
        kept.sort(key=lambda i: levels[i])
    table = np.full(len(levels) + 1, -1, np.int64)
    table[kept] = np.arange(len(kept))
    return Column(name, "levels", table[codes], tuple(levels[i] for i in kept), declared)
