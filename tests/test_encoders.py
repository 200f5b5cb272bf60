"""Categories, labels and dates as numbers, beside scikit-learn's and pandas'."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.preprocessing as reference

import steep
import steep.data as data
from steep.data.transforms import transform_from_state
from table_support import FORMS, NAN, through_json

# ---- categories ---------------------------------------------------------------------------------

CITIES = {"city": ["Uri", "Bern", "Uri", "Zug"], "floor": [3, 1, 1, 2]}


@pytest.mark.parametrize("form", FORMS)
def test_encoders_as_scikit_learn(form):
    table = FORMS[form](CITIES)
    frame = pd.DataFrame(CITIES)
    ours, theirs = data.OneHotEncoder(), reference.OneHotEncoder(sparse_output=False)
    np.testing.assert_array_equal(ours.fit_transform(table), theirs.fit_transform(frame))
    assert ours.fit_transform(table).dtype == np.float32
    assert ours.feature_names == [
        *("city=Bern", "city=Uri", "city=Zug", "floor=1", "floor=2", "floor=3"),
    ]  # fmt: skip
    codes, theirs = data.OrdinalEncoder(), reference.OrdinalEncoder()
    np.testing.assert_array_equal(codes.fit_transform(table), theirs.fit_transform(frame))
    assert codes.sizes == [3, 3]
    for encoder in (ours, codes):
        back = encoder.inverse_transform(encoder.transform(table))
        assert back.tolist() == frame.to_numpy(dtype=object).tolist()


def test_unknown_levels():
    new = {"city": ["Bern", "Rome", None], "floor": [1, 9, 2]}
    zeros = data.OneHotEncoder("zeros").fit(CITIES)
    assert zeros.transform(new)[:, :3].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert zeros.inverse_transform(zeros.transform(new)).tolist() == [
        *(["Bern", 1], [None, None], [None, 2]),
    ]  # fmt: skip
    own = data.OneHotEncoder("own").fit(CITIES)
    assert own.feature_names[3] == "city=unknown"
    assert own.transform(new)[:, :4].tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]
    codes = data.OrdinalEncoder("own").fit(CITIES)
    assert codes.sizes == [4, 4]
    assert codes.transform(new).tolist() == [[0, 0], [3, 3], [3, 1]]
    assert codes.inverse_transform(codes.transform(new)).tolist()[1] == [None, None]
    error = data.OneHotEncoder().fit(CITIES)
    with pytest.raises(
        ValueError,
        match=r"'city': 1 of 2 rows hold .*first 'bern' \(did you mean 'Bern'\?\) in row 1; unkn",
    ):
        error.transform({"city": ["Bern", "bern"], "floor": [1, 1]})
    with pytest.raises(ValueError, match="the first a missing value in row 0"):
        error.transform({"city": [None], "floor": [1]})


def test_a_missing_level_of_the_training_part_is_a_level():
    table = {"c": ["b", None, "a", ""]}
    encoder = data.OneHotEncoder().fit(table)
    assert encoder.feature_names == ["c=a", "c=b", "c=missing"]
    assert encoder.transform(table).argmax(1).tolist() == [1, 2, 0, 2]
    assert encoder.inverse_transform(encoder.transform(table)).ravel().tolist() == [
        *("b", None, "a", None),
    ]  # fmt: skip


def test_rare_levels_are_unknown():
    encoder = data.OrdinalEncoder("own", min_count=2).fit({"c": list("aabbbcd")})
    assert encoder.categories == [["a", "b"]]
    assert encoder.transform({"c": list("abcd")}).ravel().tolist() == [0, 1, 2, 2]


def test_a_level_is_the_same_as_number_and_as_text():
    numbers = data.OrdinalEncoder("own").fit({"c": [1, 2, 10]})
    for form in ([10, 1, 3], [10.0, 1.0, 3.0], ["10", "1", "3"], ["10.0", "1", "x"]):
        assert numbers.transform({"c": form}).ravel().tolist() == [2, 0, 3]
    texts = data.OrdinalEncoder("own").fit({"c": ["8001", "3000"]})
    assert texts.transform({"c": [8001, 3000]}).ravel().tolist() == [1, 0]
    assert texts.transform({"c": [8001.0, NAN]}).ravel().tolist() == [1, 2]
    truths = data.OrdinalEncoder("own").fit({"c": [True, False]})
    assert truths.categories == [[False, True]]
    assert truths.transform({"c": ["True", "false", None]}).ravel().tolist() == [1, 0, 2]
    assert truths.transform({"c": [1.0, 0.0]}).ravel().tolist() == [1, 0]


def test_levels_of_odd_numbers():
    x = [1.0, np.inf, 2.0**60, -np.inf, 0.5, NAN]
    encoder = data.OrdinalEncoder().fit({"c": x})
    assert encoder.categories == [["-inf", 0.5, 1.0, 2.0**60, "inf", None]]
    restored = transform_from_state(through_json(encoder.state()))
    assert restored.transform({"c": x}).ravel().tolist() == [2, 4, 3, 0, 1, 5]
    assert data.OrdinalEncoder().fit({"c": [1.0, NAN, 3.0]}).categories == [[1, 3, None]]


def test_declared_categories_keep_their_order():
    sizes = ["S", "M", "L", "M"]
    frame = pd.DataFrame({"size": pd.Categorical(sizes, ["XS", "S", "M", "L"], ordered=True)})
    table = pl.DataFrame({"size": pl.Series(sizes, dtype=pl.Enum(["XS", "S", "M", "L"]))})
    for form in (frame, table):
        encoder = data.OrdinalEncoder("own").fit(form)
        assert encoder.categories == [["S", "M", "L"]]
        assert encoder.transform({"size": ["L", "XS"]}).ravel().tolist() == [2, 3]


def test_what_encoders_refuse():
    with pytest.raises(RuntimeError, match="OneHotEncoder is not fitted yet"):
        data.OneHotEncoder().transform(CITIES)
    with pytest.raises(ValueError, match="at least one row"):
        data.OneHotEncoder().fit({"a": []})
    encoder = data.OneHotEncoder().fit(CITIES)
    with pytest.raises(ValueError, match=r"expected 6 columns, got shape \(1, 2\)"):
        encoder.inverse_transform([[1, 0]])
    with pytest.raises(ValueError, match="the table lacks column 'floor'; it has 'city'"):
        encoder.transform({"city": ["Uri"]})
    with pytest.raises(TypeError, match=r"column 'city': expected one value per row.*write \['Uri"):
        encoder.transform({"city": "Uri", "floor": 3})


# ---- labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        *(["cat", "dog", "ant", "cat"], [3, 1, 1, 7], [True, False, True, True]),
        *([2.0, 0.5, 2.0, 1.0], np.array(["u", "v", "u", "w"], object)),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", [list, np.asarray, pd.Series, pl.Series])
def test_labels_as_scikit_learn(labels, form):
    given = form(labels)
    encoder, theirs = data.LabelEncoder().fit(given), reference.LabelEncoder().fit(labels)
    assert encoder.classes.tolist() == theirs.classes_.tolist()
    codes = encoder.transform(given)
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes, theirs.transform(labels))
    assert encoder.inverse_transform(codes).tolist() == list(labels)
    restored = transform_from_state(through_json(encoder.state()))
    assert restored.inverse_transform(codes).tolist() == list(labels)


def test_labels_of_tensors():
    encoder = data.LabelEncoder()
    codes = encoder.fit_transform(steep.tensor([5, 3, 5]))
    assert isinstance(codes, steep.Tensor)
    assert codes.dtype == steep.int64
    assert codes.tolist() == [1, 0, 1]
    assert encoder.inverse_transform(codes).tolist() == [5, 3, 5]


def test_what_labels_refuse():
    encoder = data.LabelEncoder().fit(["cat", "dog"])
    with pytest.raises(ValueError, match=r"'cta' in row 1 is not among the 2 .*mean 'cat'"):
        encoder.transform(["cat", "cta"])
    with pytest.raises(ValueError, match="got 1 missing, the first in row 1"):
        encoder.fit(["cat", None])
    with pytest.raises(ValueError, match="numbers from 0 to 1, got 0 to 2"):
        encoder.inverse_transform([0, 2])
    with pytest.raises(ValueError, match="take the argmax of scores first"):
        encoder.inverse_transform([0.5])
    with pytest.raises(ValueError, match="at least one label"):
        data.LabelEncoder().fit([])
    assert encoder.classes.tolist() == ["cat", "dog"]


# ---- dates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pandas", "polars", "arrow-backed", "dict", "text"])
def test_parts_of_dates_as_pandas(form):
    stamps = pd.Series(pd.date_range("1965-12-30 22:15", periods=500, freq="53h"))
    table = {"when": stamps.dt.to_pydatetime().tolist()}
    given = {"when": [str(t) for t in table["when"]]} if form == "text" else FORMS[form](table)
    parts = data.DateParts(cyclic=False)
    out = parts.fit_transform(given)
    accessor = stamps.dt
    names = ("year", "month", "day", "weekday", "hour")
    assert parts.feature_names == [f"when_{name}" for name in names]
    for i, name in enumerate(names):
        np.testing.assert_array_equal(
            out[:, i], getattr(accessor, name.replace("weekday", "day_of_week"))
        )
    circle = data.DateParts(["month", "hour"]).fit(given)
    assert circle.feature_names == [
        *("when_month_sin", "when_month_cos", "when_hour_sin", "when_hour_cos"),
    ]  # fmt: skip
    angle = 2 * np.pi * (accessor.month.to_numpy() - 1) / 12
    np.testing.assert_allclose(circle.transform(given)[:, :2].T, [np.sin(angle), np.cos(angle)])


def test_hours_only_where_there_are_some_and_missing_dates():
    frame = pd.DataFrame({"d": [datetime.date(2024, 1, 1), None]})
    parts = data.DateParts(cyclic=False).fit(frame)
    assert parts.feature_names == ["d_year", "d_month", "d_day", "d_weekday"]
    assert parts.transform(frame)[0].tolist() == [2024, 1, 1, 0]
    assert np.isnan(parts.transform(frame)[1]).all()
    with pytest.raises(ValueError, match="column 'd': expected dates, got numbers"):
        parts.transform({"d": [2024]})
    with pytest.raises(ValueError, match=r"dates such as 2024-05-31 .* got 'soon' in row 1"):
        parts.transform({"d": ["2024-01-01", "soon"]})
