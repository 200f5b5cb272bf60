"""A fitted `TableTransform` and tables that come later; and what is no table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.preprocessing as reference

import steep
from steep.data import TableTransform
from table_support import FORMS, NAN, PEOPLE, ROWS

RNG = np.random.default_rng(0)


def fitted():
    return TableTransform().fit(PEOPLE)


def test_order_and_further_columns_do_not_matter():
    transform = fitted()
    frame = pd.DataFrame(PEOPLE)
    other = frame[["since", "city", "age", "member", "income"]].assign(new="?")
    np.testing.assert_array_equal(transform.transform(other), transform.transform(frame))
    assert transform.transform(frame.iloc[:0]).shape == (0, 14)
    np.testing.assert_array_equal(transform.transform(frame[5:6]), transform.transform(frame)[5:6])


@pytest.mark.parametrize("form", FORMS)
def test_no_row_at_all(form):
    transform = TableTransform(embed=True).fit(PEOPLE)
    if form in ("records", "dict"):
        empty = {name: [] for name in PEOPLE}
    else:
        empty = FORMS[form](PEOPLE)[:0]
    x, codes = transform.transform(empty)
    assert x.shape == (0, 11)
    assert codes.shape == (0, 1)


def test_more_rows_than_are_handled_at_a_time():
    x = RNG.standard_normal((100_000, 2)).astype(np.float32)
    x[RNG.random(x.shape) < 0.1] = NAN
    transform = TableTransform().fit(x)
    out = transform.transform(x)
    for rows in (slice(0, 10), slice(32_760, 32_780), slice(99_990, None)):
        np.testing.assert_array_equal(transform.transform(x[rows]), out[rows])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"age": None}, r"lacks column 'age'; it has 'income'"),
        (
            {"age": ["old"] * ROWS},
            "'age': expected numbers, got text in 120 of 120 rows, the first",
        ),
        ({"age": PEOPLE["since"]}, "column 'age': expected numbers, got dates"),
        ({"since": PEOPLE["age"]}, "column 'since': expected dates, got numbers"),
        ({"age": [np.inf] + [1.0] * (ROWS - 1)}, "'age' holds infinite values, the first in row 0"),
        (
            {"age": [1.0] * (ROWS - 1) + [1e200]},
            r"'age': 1e\+200 in row 119 is too large for float",
        ),
    ],
)
def test_what_does_not_fit(change, text):
    table = {name: values for name, values in {**PEOPLE, **change}.items() if values is not None}
    transform = fitted()
    with pytest.raises(ValueError, match=text):
        transform.transform(table)


def test_the_nearest_name_is_named():
    with pytest.raises(ValueError, match=r"lacks column 'income' \(did you mean 'Incme'\?\)"):
        fitted().transform({"Incme" if n == "income" else n: v for n, v in PEOPLE.items()})
    with pytest.raises(ValueError, match=r"expected a table with the columns age, .*array"):
        fitted().transform(np.zeros((3, 5)))


def test_new_gaps_and_new_categories():
    transform = fitted()
    row = {"age": [NAN], "income": [NAN], "member": [None], "city": [None], "since": [None]}
    out = transform.transform(pd.DataFrame(row))
    assert np.isfinite(out).all()
    assert out[0, 3] == 1  # the income is marked as missing; the training part lacks no other
    assert out[0, -3:].tolist() == [0, 0, 0]
    for unknown, width in (("zeros", 3), ("own", 4)):
        transform = TableTransform(unknown=unknown).fit({"c": ["u", "v", "w"]})
        assert transform.transform({"c": ["x"]}).shape == (1, width)
        assert transform.transform({"c": ["x"]}).sum() == width - 3
    transform = TableTransform(unknown="error").fit({"c": ["u", "v"]})
    with pytest.raises(ValueError, match="categories that the training part does not have, the fi"):
        transform.transform({"c": ["x"]})


def test_infinite_numbers():
    table = {"a": [1.0, np.inf, 3.0, -np.inf], "b": [1, 2, 3, 4]}
    with pytest.raises(ValueError, match="'a' holds infinite values, the first in row 1; replace"):
        TableTransform().fit(table)
    transform = TableTransform(infinite="missing").fit(table)
    assert transform.feature_names == ["a", "b", "a_missing"]
    assert transform.transform(table)[:, 2].tolist() == [0, 1, 0, 1]


def test_a_constant_for_missing_numbers():
    table = {"a": [1.0, NAN, 3.0]}
    out = TableTransform(impute=0, scale="none").fit_transform(table)
    assert out.tolist() == [[1, 0], [0, 1], [3, 0]]


def test_a_table_of_many_columns():
    x = RNG.standard_normal((70, 5000))
    x[3, 4] = NAN
    out = TableTransform().fit_transform(x)
    assert out.shape == (70, 5001)
    np.testing.assert_allclose(out[:, 17], reference.scale(x[:, 17]), rtol=1e-5, atol=1e-6)


def test_arrays_go_by_position():
    x = RNG.random((20, 3))
    transform = TableTransform().fit(x)
    assert transform.feature_names == ["x0", "x1", "x2"]
    assert transform.transform(steep.from_numpy(x.copy())).shape == (20, 3)
    with pytest.raises(ValueError, match="expected 3 columns, as fitted, got 2"):
        transform.transform(x[:, :2])
    with pytest.raises(ValueError, match=r"2-d array .*shape \(3,\); write x"):
        transform.transform(x[0])


@pytest.mark.parametrize(
    ("table", "kind", "text"),
    [
        (pd.Series([1, 2]), TypeError, "got a Series, which is a single column"),
        (pl.DataFrame({"a": [1]}).lazy(), TypeError, r"call .collect\(\)"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, "'a' more than once"),
        ({"a": [1, 2], "b": [1]}, ValueError, "'a' has 2, 'b' has 1 rows"),
        ({"a": 3}, TypeError, r"for a table of one row write \[3\]"),
        ({"a": [[1], [2]]}, ValueError, "column 'a': expected one value per row"),
        (pd.DataFrame({"a": [[1], [2]]}), TypeError, "column 'a': .*got list objects"),
        (pl.DataFrame({"a": [[1], [2]]}), TypeError, "column 'a': .*got polars' List"),
        (7, TypeError, "expected a frame of pandas or polars, .*got int"),
        ("nowhere.csv", FileNotFoundError, "there is no file"),
    ],
)
def test_what_is_no_table(table, kind, text):
    with pytest.raises(kind, match=text):
        TableTransform().fit(table)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"scale": "log"}, "standard, minmax, .*got 'log'"),
        ({"scale": {"a": "log"}}, "got 'log'"),
        ({"impute": "zero"}, "median, mean, most_frequent, a finite number, got 'z"),
        ({"impute": NAN}, "got nan"),
        ({"unknown": "x"}, "zeros, own, error"),
        ({"infinite": "x"}, "error, missing"),
        ({"numbers": "age"}, "expected numbers to be a list of names, got 'age'"),
        ({"unknown": "error", "min_count": 2}, "min_count=2 makes rare levels"),
    ],
)
def test_options(options, text):
    with pytest.raises(ValueError, match=text):
        TableTransform(**options)


def test_names_in_options():
    table = {"age": [1, 2], "city": ["u", "v"]}
    with pytest.raises(ValueError, match=r"no column 'Age' to be a number \(did you mean 'age'\?"):
        TableTransform(numbers=["Age"]).fit(table)
    with pytest.raises(ValueError, match=r"no column 'cty' to drop \(did you mean 'city'\?"):
        TableTransform(drop=["cty"]).fit(table)
    with pytest.raises(ValueError, match="'age' is said to be number and category; one of them"):
        TableTransform(numbers=["age"], embed=["age"]).fit(table)
    with pytest.raises(ValueError, match="'city': expected numbers, got text"):
        TableTransform(numbers=["city"]).fit(table)


def test_a_failed_fit_changes_nothing():
    transform = fitted()
    before = transform.transform(PEOPLE)
    with pytest.raises(ValueError, match="infinite"):
        transform.fit({"z": [1.0, np.inf]})
    np.testing.assert_array_equal(transform.transform(PEOPLE), before)
