"""What the text in a CSV file's columns stands for, where pandas alone does not see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "decimal_commas",
    "find_dates",
    "grouped_numbers",
    "has_fractions",
    "is_text",
    "padded",
    "stripped",
    "without_unit",
]

_WITH_COMMA = r"\s*[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?\s*"
_GROUPED = r"\s*[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?\s*"
_GROUPED_WITH_COMMA = r"\s*[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?\s*"
# Signs, units in front and behind, and the number between them, as groups.
_WITH_UNIT = r"\s*([+-]?)\s*([$€£¥]?)\s*([+-]?)\s*({})\s*([$€£¥%]?)\s*"
_UNIT_POINT = _WITH_UNIT.format(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?|\.\d+")
_UNIT_COMMA = _WITH_UNIT.format(r"(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d*)?|,\d+")
_PADDED = r"\s*0\d+\s*"
_CLOCK = r"([ T]\d\d?:\d\d(:\d\d)?)?"
# Which texts look like dates, and the format of their days; the first is ISO 8601, all of it.
_DAYS = {
    r"\d{4}-\d\d-\d\d": "",
    r"\d{4}/\d\d?/\d\d?" + _CLOCK + "$": "%Y/%m/%d",
    r"\d\d?\.\d\d?\.\d{4}" + _CLOCK + "$": "%d.%m.%Y",
}
_SLASHES = r"\d\d?/\d\d?/\d{4}" + _CLOCK + "$"
_SLASHED = {"day-first": "%d/%m/%Y", "month-first": "%m/%d/%Y"}


def is_text(series: Any, pandas: Any) -> bool:
    """Whether a column holds text, or Python objects."""
    is_object = pandas.api.types.is_object_dtype(series.dtype)
    return is_object or isinstance(series.dtype, pandas.StringDtype)


def has_fractions(series: Any) -> bool:
    """Whether a column holds numbers that are not whole."""
    if series.dtype.kind != "f":
        return False
    # Most columns of fractions show it in their first rows.
    return any(bool((part.dropna() % 1 != 0).any()) for part in (series.iloc[:100], series))


def padded(series: Any) -> bool:
    """Whether texts of digits begin with zeros: names of something, as postcodes are."""
    return bool(series.str.fullmatch(_PADDED, na=False).any())


def stripped(series: Any, pandas: Any) -> Any:
    """Text without the blanks behind it; the parser leaves out those before."""
    if not is_text(series, pandas):
        return series
    if isinstance(series.dtype, pandas.StringDtype):
        return series.str.rstrip()
    return series.map(lambda value: value.rstrip() if isinstance(value, str) else value)


def decimal_commas(series: Any, pandas: Any) -> Any:
    """Numbers, where every text in the column is one with a decimal comma, or a whole one.

    Points may group its digits: 1.234,50.
    """
    if not is_text(series, pandas):
        return series
    known = series.dropna().astype(str)
    if not len(known) or padded(known):
        return series
    if known.str.fullmatch(_WITH_COMMA).all():
        return _as_floats(series, known.str.replace(",", "."))
    if known.str.fullmatch(_GROUPED_WITH_COMMA).all() and known.str.contains(",").any():
        return _as_floats(series, known.str.replace(".", "", regex=False).str.replace(",", "."))
    return series


def grouped_numbers(series: Any, pandas: Any) -> Any:
    """Numbers, where every text in the column is one, and commas group digits: 1,234.50."""
    if not is_text(series, pandas):
        return series
    known = series.dropna().astype(str)
    if not len(known) or not known.iloc[:100].str.fullmatch(_GROUPED).all():
        return series
    if not known.str.fullmatch(_GROUPED).all() or padded(known):
        return series
    return _as_floats(series, known.str.replace(",", "", regex=False))


def without_unit(series: Any, pandas: Any, *, commas: bool) -> tuple[Any, str | None]:
    """Numbers and their unit, where every text in the column is a number with the same one.

    Units are $, €, £ and ¥ before or behind the number, and % behind it: 45% is 45. With `commas`,
    the decimal mark may be a comma; points that may as well be decimal marks leave the text.
    """
    if not is_text(series, pandas):
        return series, None
    known = series.dropna().astype(str)
    if not len(known) or not known.iloc[0].strip(" +-0123456789.,"):
        return series, None
    if commas and (found := _parted(known, _UNIT_COMMA)) is not None:
        numbers, unit = found
        if numbers.str.contains(".", regex=False).any() and not numbers.str.contains(",").any():
            return series, None
        plain = numbers.str.replace(".", "", regex=False).str.replace(",", ".")
    elif (found := _parted(known, _UNIT_POINT)) is not None:
        numbers, unit = found
        plain = numbers.str.replace(",", "", regex=False)
    else:
        return series, None
    return _as_floats(series, plain), unit


def _parted(known: Any, way: str) -> tuple[Any, str] | None:
    """The signed numbers and the one unit of all texts; ``None`` if that is not what they are."""
    if not known.iloc[:100].str.fullmatch(way).all() or not known.str.fullmatch(way).all():
        return None
    parts = known.str.extract(f"^{way}$")
    units = parts[1] + parts[4]
    unit = units.iloc[0]
    has_two_signs = ((parts[0] != "") & (parts[2] != "")).any()
    if len(unit) != 1 or (units != unit).any() or has_two_signs:
        return None
    return parts[0] + parts[2] + parts[3], unit


def _as_floats(series: Any, texts: Any) -> Any:
    return series.astype(object).where(series.isna(), texts).astype(float)


def find_dates(series: Any, pandas: Any, slashes: str | None) -> Any:
    """Dates, where every text in the column is one, all in one way of writing."""
    if not is_text(series, pandas):
        return series
    known = series.dropna()
    if not len(known):
        return series
    first = known.iloc[:100].astype(str)
    ways = _DAYS if slashes is None else {**_DAYS, _SLASHES: _SLASHED[slashes]}
    day = next((days for way, days in ways.items() if first.str.match(way).all()), None)
    if day is None:
        return series
    if not day:
        return _read(series, ["ISO8601"], pandas)
    mark = "T" if first.str.contains("T").any() else " "
    return _read(series, [day, f"{day}{mark}%H:%M", f"{day}{mark}%H:%M:%S"], pandas)


def _read(series: Any, formats: Sequence[str], pandas: Any) -> Any:
    for format in formats:
        try:
            return pandas.to_datetime(series, format=format)
        except (ValueError, TypeError):
            continue
    return series
