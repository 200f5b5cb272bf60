"""Tables from files: CSV and Parquet, over pandas and pyarrow."""

from __future__ import annotations

import contextlib
import csv
import gzip
import lzma
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from steep._optional import optional
from steep.data.tables import texts
from steep.data.tables.naming import check_names, nearest

__all__ = ["is_csv", "read_fields", "read_table"]

_FORMATS = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".data"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
}
_PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_LOOKED_AT = 1 << 22  # bytes at a time
_SEPARATORS = (",", ";", "\t", "|")


def read_table(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    columns: Sequence[str] | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    missing: Sequence[str] = (),
    encoding: str = "utf-8",
    slashes: str | None = None,
) -> Any:
    """Read a CSV or Parquet file as a pandas frame.

    In CSV, types are inferred for whole columns: numbers (1,234.5 too), truth values, dates
    (2024-05-31, 2024/5/31, 31.5.2024, with a time or without), and text for the rest, without the
    blanks around it. Numbers that all have one of the units $, €, £, ¥ and % are read without it
    (45% is 45), and ``attrs["units"]`` of the frame says so by column. Digits that begin with a
    zero, as postcodes may, are text: 00501 is not 501.
    Empty fields, the usual spellings (``NA``, ``NaN``, ``null``, ...) and the last fields of a row
    that is too short are missing values. A compressed file (``.csv.gz``, ``.zip``) is unpacked on
    the way.

    Args:
        path: the file. Its ending tells the format: ``.csv``, ``.tsv``, ``.txt``, ``.parquet``.
        format: ``"csv"`` or ``"parquet"``, whatever the ending.
        columns: names of the columns to read. Default: all.
        separator: what stands between fields. Default: the most frequent of comma, semicolon, tab
            and bar in the first line.
        decimal: the decimal mark of numbers. Default: the point; where fields are separated by
            semicolons, and no number has a point, also the comma.
        header: whether the first line holds the names. Default: it does, and a line of numbers
            alone is refused; with ``False``, columns are called x0, x1, ...
        missing: further spellings of a missing value, ``["?", "-999"]`` say.
        encoding: of the text.
        slashes: what 5/6/2024 is: ``"day-first"``, ``"month-first"``, or ``None`` for text.

    Raises:
        FileNotFoundError: if there is no such file; the message names one that is nearly called so.
        ValueError: if the path is an address, the format is unknown, the file is empty, has no
            rows, is damaged, or names two columns alike.
        ImportError: if pandas (for Parquet: pyarrow) is not installed.

    Example:
        >>> import os, tempfile
        >>> import steep
        >>> path = os.path.join(tempfile.mkdtemp(), "people.csv")
        >>> with open(path, "w") as file:
        ...     _ = file.write("age,city,since\\n31,Bern,2020-05-01\\n,Uri,2021-01-31\\n")
        >>> table = steep.data.read_table(path)
        >>> table["age"].tolist(), table["since"].dt.year.tolist()
        ([31.0, nan], [2020, 2021])
    """
    if slashes not in (None, "day-first", "month-first"):
        raise ValueError(
            f"read_table: expected slashes 'day-first', 'month-first' or None, got {slashes!r}"
        )
    file = _existing(path)
    kind = _format(file, format)
    what = f"read_table: {os.fspath(path)}"
    pandas = optional("pandas", "tables", "steep.data.read_table")
    if kind == "parquet":
        table = _read_parquet(file, columns, what, pandas)
    else:
        layout = separator, header, encoding
        table = _read_csv(file, columns, layout, decimal, list(missing), what, pandas)
        for name in table.columns:
            table[name] = texts.find_dates(table[name], pandas, slashes)
    if len(table) == 0:
        raise ValueError(f"{what}: expected at least one row, got a table with names alone")
    return table


def _existing(path: str | os.PathLike[str]) -> Path:
    file = Path(os.fspath(path))
    if "://" in os.fspath(path):
        raise ValueError(
            f"read_table: expected a file, got the address {os.fspath(path)}; download it first, "
            "or read it with pandas and pass the frame"
        )
    if file.is_dir():
        raise IsADirectoryError(f"read_table: expected a file, got the folder {file}")
    if not file.exists():
        folder = file.parent
        there = [other.name for other in folder.iterdir()] if folder.is_dir() else []
        text = nearest(file.name, there) if folder.is_dir() else f": there is no folder {folder}"
        raise FileNotFoundError(f"read_table: there is no file {file}{text}")
    return file


def _format(file: Path, format: str | None) -> str:
    if format is not None:
        if format not in ("csv", "parquet"):
            raise ValueError(f"read_table: expected format 'csv' or 'parquet', got {format!r}")
        return format
    endings = [ending.lower() for ending in file.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    if not endings or endings[-1] not in _FORMATS:
        raise ValueError(
            f"read_table: expected a file that ends in {', '.join(_FORMATS)}, got {file.name}; "
            "say format='csv' or format='parquet' if it is one, or read it with pandas and pass "
            "the frame"
        )
    return _FORMATS[endings[-1]]


def _read_parquet(file: Path, columns: Sequence[str] | None, what: str, pandas: Any) -> Any:
    parquet = optional("pyarrow.parquet", "tables", "steep.data.read_table of a Parquet file")
    try:
        names = check_names(parquet.read_schema(file).names, what)
    except OSError:
        raise
    except ValueError as error:  # ArrowInvalid is one
        if "more than once" in str(error):
            raise
        raise ValueError(f"{what}: not a Parquet file, or a damaged one: {error}") from error
    _check_columns(columns, names, what)
    try:
        return pandas.read_parquet(file, columns=None if columns is None else list(columns))
    except ValueError as error:
        raise ValueError(f"{what}: the Parquet file is damaged: {error}") from error


def is_csv(path: str | os.PathLike[str], format: str | None) -> bool:
    """Whether `read_table` takes a file for one of text."""
    return _format(_existing(path), format) == "csv"


def read_fields(path: str | os.PathLike[str], *, header: bool | None, encoding: str) -> Any:
    """A CSV file's fields as text, word for word; arguments, rows and errors as `read_table`."""
    pandas = optional("pandas", "tables", "steep.data.tables")
    file, what = _existing(path), f"read_table: {os.fspath(path)}"
    with _explained(what, encoding, pandas):
        how = _layout(file, None, header, encoding, what, pandas)
        how["skipinitialspace"] = False
        return pandas.read_csv(file, dtype=str, keep_default_na=False, **how)


def _layout(
    file: Path, separator: str | None, header: bool | None, encoding: str, what: str, pandas: Any
) -> dict[str, Any]:
    """The arguments of `pandas.read_csv` that say where the fields and their names are."""
    separator = separator or _separator(file, encoding, pandas)
    names = _names(file, separator, header, encoding, what, pandas)
    return {
        "sep": separator, "header": None if header is False else 0, "names": names,
        "index_col": False, "low_memory": False, "skipinitialspace": True, "encoding": encoding,
    }  # fmt: skip


def _read_csv(
    file: Path,
    columns: Sequence[str] | None,
    layout: tuple[str | None, bool | None, str],
    decimal: str | None,
    missing: list[str],
    what: str,
    pandas: Any,
) -> Any:
    """The table, types inferred; but text that `pandas` does not understand stays text."""
    separator, header, encoding = layout
    with _explained(what, encoding, pandas):
        how = _layout(file, separator, header, encoding, what, pandas)
        _check_columns(columns, how["names"], what)
        how |= {"decimal": decimal or ".", "na_values": missing}
        chosen = None if columns is None else list(columns)
        table = pandas.read_csv(file, usecols=chosen, **how)
        _keep_padded(table, file, how, pandas)
    table = table if chosen is None else table[chosen]
    for name in table.columns:
        table[name] = texts.stripped(table[name], pandas)
    has_commas = how["decimal"] == ","
    if decimal is None and how["sep"] == ";":
        has_commas = not any(texts.has_fractions(table[name]) for name in table.columns)
    if has_commas:
        for name in table.columns:
            table[name] = texts.decimal_commas(table[name], pandas)
    if how["decimal"] == ".":
        for name in table.columns:
            table[name] = texts.grouped_numbers(table[name], pandas)
    units = {}
    for name in table.columns:
        table[name], unit = texts.without_unit(table[name], pandas, commas=has_commas)
        if unit is not None:
            units[name] = unit
    table.attrs["units"] = units
    return table


def _keep_padded(table: Any, file: Path, how: dict[str, Any], pandas: Any) -> None:
    """Put back columns of digits that begin with zeros, which pandas takes for numbers."""
    whole = [
        name
        for name in table.columns
        if table[name].dtype.kind in "iu"
        or (table[name].dtype.kind == "f" and not texts.has_fractions(table[name]))
    ]
    if not whole or not _may_be_padded(file, how["encoding"]):
        return
    given = pandas.read_csv(file, usecols=whole, dtype=str, **how)
    for name in whole:
        if texts.padded(given[name]):
            table[name] = given[name]


def _may_be_padded(file: Path, encoding: str) -> bool:
    """Whether a field may begin with a zero and another digit; quick, and sure of a no alone."""
    wide = "16" in encoding or "32" in encoding
    if wide or file.suffix.lower() in _PACKED or not file.stat().st_size:
        return True
    text = np.memmap(file, np.uint8, "r")
    if text[0] == ord("0"):
        return True
    inside = np.zeros(256, bool)  # of a number, a date or a time
    inside[list(b"0123456789.:-")] = True
    for start in range(0, len(text), _LOOKED_AT):
        part = text[max(0, start - 1) : start + _LOOKED_AT + 1]
        zeros = np.flatnonzero(part[1:-1] == ord("0"))
        followed = (part[zeros + 2] >= ord("0")) & (part[zeros + 2] <= ord("9"))
        if (followed & ~inside[part[zeros]]).any():
            return True
    return False


@contextlib.contextmanager
def _explained(what: str, encoding: str, pandas: Any) -> Iterator[None]:
    """Errors of the parser, said so that they can be mended."""
    try:
        with warnings.catch_warnings():
            # Fields beyond the last name would be dropped with no more than a warning.
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            yield
    except pandas.errors.EmptyDataError as error:
        raise ValueError(f"{what}: expected a table, got an empty file") from error
    except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
        raise ValueError(
            f"{what}: rows have unequal numbers of fields ({str(error).strip()}); is another "
            "separator meant, and are fields with separators in them quoted?"
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{what}: expected text in {encoding}, got the byte "
            f"0x{error.object[error.start]:02x}; say encoding='latin-1' or another"
        ) from error
    except LookupError as error:
        if not isinstance(error, (KeyError, IndexError)):
            raise ValueError(
                f"{what}: expected the name of an encoding such as 'utf-8' or 'latin-1', got "
                f"{encoding!r}"
            ) from error
        raise
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{what}: the compressed file is damaged: {error}") from error


def _names(
    file: Path, separator: str, header: bool | None, encoding: str, what: str, pandas: Any
) -> list[str]:
    """The names in the first line, or made up if it holds none."""
    first = pandas.read_csv(
        file, sep=separator, header=None, nrows=1, dtype=str, encoding=encoding,
        keep_default_na=False,
    )  # fmt: skip
    # pandas' own word for a column without a name: its index, often, written with the rest.
    names = [str(name).strip() or f"Unnamed: {i}" for i, name in enumerate(first.iloc[0])]
    if header is False:
        return [f"x{i}" for i in range(len(names))]
    if header is None and all(map(_is_number, names)):
        raise ValueError(
            f"{what}: expected names in the first line, got numbers ({', '.join(names[:3])}, "
            "...); say header=False if there are no names, header=True if these are the names"
        )
    return check_names(names, what)


def _separator(file: Path, encoding: str, pandas: Any) -> str:
    """The likeliest one, from the first line; what is quoted is not looked at."""
    line = pandas.read_csv(
        file, sep="\x01", header=None, nrows=1, dtype=str, quoting=csv.QUOTE_NONE,
        encoding=encoding, keep_default_na=False,
    )  # fmt: skip
    bare = "".join(str(line.iloc[0, 0]).split('"')[::2])
    return max(_SEPARATORS, key=bare.count)


def _check_columns(columns: Sequence[str] | None, names: list[str], what: str) -> None:
    for name in columns or ():
        if name not in names:
            raise ValueError(
                f"{what}: there is no column {name!r}{nearest(name, names)}; the table has "
                f"{', '.join(map(repr, names))}"
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
