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

from steep._optional import optional
from steep.data.tables.naming import check_names, nearest

__all__ = ["read_table"]

_FORMATS = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".data"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
}
_PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_SEPARATORS = (",", ";", "\t", "|")
_WITH_COMMA = r"\s*[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?\s*"


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
) -> Any:
    """Read a CSV or Parquet file as a pandas frame.

    In CSV, types are inferred for whole columns: numbers, truth values, dates of ISO 8601, and text
    for the rest. Empty fields, the usual spellings (``NA``, ``NaN``, ``null``, ...) and the last
    fields of a row that is too short are missing values. A compressed file (``.csv.gz``, ``.zip``)
    is unpacked on the way.

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
    file = _existing(path)
    kind = _format(file, format)
    what = f"read_table: {os.fspath(path)}"
    pandas = optional("pandas", "tables", "steep.data.read_table")
    if kind == "parquet":
        table = _read_parquet(file, columns, what, pandas)
    else:
        options = {"decimal": decimal, "encoding": encoding, "na_values": list(missing)}
        table = _read_csv(file, columns, separator, header, options, what, pandas)
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


def _read_csv(
    file: Path,
    columns: Sequence[str] | None,
    separator: str | None,
    header: bool | None,
    options: dict[str, Any],
    what: str,
    pandas: Any,
) -> Any:
    with _explained(what, options["encoding"], pandas):
        separator = separator or _separator(file, options["encoding"], pandas)
        names = _names(file, separator, header, options["encoding"], what, pandas)
        _check_columns(columns, names, what)
        guess = options["decimal"] is None and separator == ";"
        options = {**options, "decimal": options["decimal"] or "."}
        table = pandas.read_csv(
            file, sep=separator, header=None if header is False else 0, names=names,
            index_col=False, low_memory=False, skipinitialspace=True,
            usecols=None if columns is None else list(columns), **options,
        )  # fmt: skip
    table = table if columns is None else table[list(columns)]
    if guess and not any(map(_has_fractions, (table[name] for name in table.columns))):
        for name in table.columns:
            table[name] = _decimal_commas(table[name], pandas)
    for name in table.columns:
        table[name] = _dates(table[name], pandas)
    return table


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


def _has_fractions(series: Any) -> bool:
    return series.dtype.kind == "f" and bool((series.dropna() % 1 != 0).any())


def _decimal_commas(series: Any, pandas: Any) -> Any:
    """Numbers, where every text in the column is one with a decimal comma, or a whole one."""
    if not _is_text(series, pandas):
        return series
    known = series.dropna().astype(str)
    if not len(known) or not known.str.fullmatch(_WITH_COMMA).all():
        return series
    return series.astype(object).where(series.isna(), known.str.replace(",", ".")).astype(float)


def _is_text(series: Any, pandas: Any) -> bool:
    is_object = pandas.api.types.is_object_dtype(series.dtype)
    return is_object or isinstance(series.dtype, pandas.StringDtype)


def _dates(series: Any, pandas: Any) -> Any:
    """Dates, where every text in the column is one of ISO 8601."""
    if not _is_text(series, pandas):
        return series
    known = series.dropna()
    if not len(known) or not known.iloc[:100].astype(str).str.match(r"\d{4}-\d\d-\d\d").all():
        return series
    try:
        return pandas.to_datetime(series, format="ISO8601")
    except (ValueError, TypeError):
        return series
