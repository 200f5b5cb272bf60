"""Columns of every type of pandas, polars and NumPy, as numbers, dates and levels."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

import steep
from steep.data.tables.converting import column_of
from table_support import NAN

DAY = datetime.date(2024, 5, 31)
NOON = datetime.datetime(2024, 5, 31, 12)
ZONE = "Europe/Zurich"
ZONED = pd.Series([pd.Timestamp(NOON, tz=ZONE), pd.NaT])

NUMBERS = {
    "int64": (pd.Series([1, 2]), "int64", [1, 2]),
    "int8": (pd.Series([1, 2], dtype="int8"), "int64", [1, 2]),
    "uint64": (pd.Series([1, 2], dtype="uint64"), "float64", [1, 2]),
    "float16": (pd.Series([0.5, NAN], dtype="float16"), "float64", [0.5, None]),
    "float32": (pd.Series([0.5, NAN], dtype="float32"), "float64", [0.5, None]),
    "float32 without gaps": (pd.Series([0.5], dtype="float32"), "float32", [0.5]),
    "Int64": (pd.Series([1, None], dtype="Int64"), "float64", [1, None]),
    "UInt8 without gaps": (pd.Series([1, 2], dtype="UInt8"), "int64", [1, 2]),
    "Float32": (pd.Series([0.5, None], dtype="Float32"), "float64", [0.5, None]),
    "bool": (pd.Series([True, False]), "bool", [1, 0]),
    "boolean": (pd.Series([True, None], dtype="boolean"), "float64", [1, None]),
    "objects, bool": (pd.Series([True, None], dtype=object), "float64", [1, None]),
    "objects, int": (pd.Series([1, None, 2.5], dtype=object), "float64", [1, None, 2.5]),
    "decimals": (pd.Series([decimal.Decimal("0.5"), None]), "float64", [0.5, None]),
    "nothing": (pd.Series([None, None], dtype=object), "float64", [None, None]),
    "arrow int": (pd.Series([1, 2], dtype="int64[pyarrow]"), "int64", [1, 2]),
    "arrow int, gaps": (pd.Series([1, None], dtype="int64[pyarrow]"), "float64", [1, None]),
    "arrow float": (pd.Series([0.5, None], dtype="double[pyarrow]"), "float64", [0.5, None]),
    "arrow bool": (pd.Series([True, False], dtype="bool[pyarrow]"), "bool", [1, 0]),
    "timedelta": (pd.Series([datetime.timedelta(hours=1), None]), "float64", [3600, None]),
    "polars int": (pl.Series([1, 2]), "int64", [1, 2]),
    "polars int, gaps": (pl.Series([1, None]), "float64", [1, None]),
    "polars uint64": (pl.Series([1, 2], dtype=pl.UInt64), "float64", [1, 2]),
    "polars float32": (pl.Series([0.5], dtype=pl.Float32), "float32", [0.5]),
    "polars bool": (pl.Series([True, False]), "bool", [1, 0]),
    "polars bool, gaps": (pl.Series([True, None]), "float64", [1, None]),
    "polars decimal": (pl.Series([decimal.Decimal("0.5"), None]), "float64", [0.5, None]),
    "polars nothing": (pl.Series([None, None]), "float64", [None, None]),
    "polars duration": (pl.Series([datetime.timedelta(hours=1), None]), "float64", [3600, None]),
    "array": (np.array([1, 2], np.int16), "int64", [1, 2]),
    "array, float16": (np.array([0.5, NAN], np.float16), "float64", [0.5, None]),
    "array, uint64": (np.array([1], np.uint64), "float64", [1]),
    "array, timedelta": (np.array([60, "NaT"], "m8[s]"), "float64", [60, None]),
    "list": ([1, None, 3], "float64", [1, None, 3]),
    "tensor": (steep.tensor([1, 2]), "int64", [1, 2]),
}

DATES = {
    "datetime64[ns]": pd.Series([NOON, None], dtype="datetime64[ns]"),
    "zone": ZONED,
    "objects": pd.Series([NOON, None], dtype=object),
    "arrow": pd.Series([NOON, None], dtype="timestamp[us][pyarrow]"),
    "arrow, zone": pd.Series([NOON, None], dtype="timestamp[us][pyarrow]").dt.tz_localize(ZONE),
    "polars": pl.Series([NOON, None]),
    "polars, ms": pl.Series([NOON, None], dtype=pl.Datetime("ms")),
    "polars, zone": pl.Series([NOON, None]).dt.replace_time_zone(ZONE),
    "array": np.array(["2024-05-31T12", "NaT"], "M8[h]"),
    "list": [NOON, None],
}

DAYS = {
    "objects": pd.Series([DAY, None], dtype=object),
    "arrow": pd.Series([DAY, None], dtype="date32[pyarrow]"),
    "polars": pl.Series([DAY, None]),
    "period": pd.Series([pd.Period("2024-05-31", "D"), None], dtype="period[D]"),
    "array": np.array(["2024-05-31", "NaT"], "M8[D]"),
}

TEXT = ["b", None, "a", "", "b"]
LEVELS = {
    "str": pd.Series(TEXT),
    "objects": pd.Series(TEXT, dtype=object),
    "string": pd.Series(TEXT, dtype="string"),
    "arrow": pd.Series(TEXT, dtype="string[pyarrow]"),
    "category": pd.Series(TEXT, dtype="category"),
    "polars": pl.Series(TEXT),
    "polars category": pl.Series(TEXT, dtype=pl.Categorical),
    "array": np.array(TEXT, dtype=object),
    "array of text": np.array(["b", " ", "a", "", "b"]),
    "list": TEXT,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name):
    values, dtype, expected = NUMBERS[name]
    column = column_of("c", values)
    assert (column.kind, column.values.dtype) == ("number", np.dtype(dtype))
    floats = column.numbers("f")
    assert [None if np.isnan(x) else x for x in floats.tolist()] == expected
    assert column.missing().tolist() == [x is None for x in expected]


@pytest.mark.parametrize("name", DATES)
def test_dates(name):
    column = column_of("c", DATES[name])
    assert (column.kind, column.values.dtype) == ("date", np.dtype("M8[us]"))
    assert column.values.tolist() == [NOON, None]  # what the clock shows, not UTC
    assert column.missing().tolist() == [False, True]


@pytest.mark.parametrize("name", DAYS)
def test_days(name):
    column = column_of("c", DAYS[name])
    assert column.kind == "date"
    assert column.values.tolist() == [datetime.datetime(2024, 5, 31), None]
    assert column.as_levels().levels == ("2024-05-31",)


@pytest.mark.parametrize("name", LEVELS)
def test_levels(name):
    column = column_of("c", LEVELS[name])
    assert column.kind == "levels"
    assert column.values.tolist() == [1, -1, 0, -1, 1]
    assert column.levels == ("a", "b")
    assert column.declared == ("category" in name)
    assert column.missing().tolist() == [False, True, False, True, False]


def test_mixed_objects_are_text():
    column = column_of("c", pd.Series([1, "a", None, 2.5, True], dtype=object))
    assert column.levels == ("1", "2.5", "True", "a")
    column = column_of("c", [datetime.time(5), None])
    assert column.levels == ("05:00:00",)


def test_dates_in_text():
    column = column_of("c", ["2024-05-31", None, "2024-05-31T12:00", "2024-05-31T14:00+02:00"])
    assert column.dates("f").tolist() == [
        *(datetime.datetime(2024, 5, 31), None, NOON, NOON),
    ]  # fmt: skip


def test_numbers_in_text():
    column = column_of("c", ["1", "nan", None, " 2.5 ", "True", "1e3"])
    assert np.nan_to_num(column.numbers("f"), nan=-1).tolist() == [1, -1, -1, 2.5, 1, 1000]
    with pytest.raises(ValueError, match="got text in 1 of 2 rows, the first '1_0' in row 1"):
        column_of("c", ["1", "1_0"]).numbers("f")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pd.Series([[1], [2]]), "got list objects"),
        (pd.Series([{"a": 1}]), "got dict objects"),
        (pd.Series([b"x"]), "got bytes objects"),
        (pd.Series([1j]), "got complex objects"),
        (pl.Series([[1]]), "polars' List"),
        (pl.Series([b"x"]), "polars' Binary"),
        (np.array([1j]), "got dtype complex128"),
        (np.array([b"x"]), "got dtype .S1"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_column(values, text):
    with pytest.raises(TypeError, match=f"column 'c': expected numbers, text, .*{text}"):
        column_of("c", values)
