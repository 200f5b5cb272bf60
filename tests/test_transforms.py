"""Fitted transforms beside scikit-learn's, their states, and what they say of bad input."""

from __future__ import annotations

import datetime
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.impute
import sklearn.preprocessing as reference
from scipy import stats

import steep
import steep.data as data
from steep.data.transforms import transform_from_state
from steep.data.transforms._normal import normal_cdf, normal_quantile
from table_support import FORMS, NAN, through_json

RNG = np.random.default_rng(0)
NUMBERS = RNG.standard_normal((200, 4)) * [1, 100, 1e-3, 0] + [0, 5, 0.1, 7]
NUMBERS[:, 1] = np.round(NUMBERS[:, 1])  # values that repeat
OTHERS = NUMBERS[:50] * 1.5


# ---- scalers beside scikit-learn's --------------------------------------------------------------

SCALERS = [
    (data.StandardScaler(), reference.StandardScaler()),
    (data.MinMaxScaler((-1, 2)), reference.MinMaxScaler((-1, 2))),
    (data.RobustScaler(), reference.RobustScaler()),
    (data.RobustScaler((10, 80)), reference.RobustScaler(quantile_range=(10, 80))),
    (
        data.QuantileTransformer(50),
        reference.QuantileTransformer(n_quantiles=50, subsample=None),
    ),
    (
        data.QuantileTransformer(50, "normal"),
        reference.QuantileTransformer(n_quantiles=50, output_distribution="normal", subsample=None),
    ),
]
NAMES = [repr(theirs) for _, theirs in SCALERS]


@pytest.mark.parametrize(("ours", "theirs"), SCALERS, ids=NAMES)
def test_as_scikit_learn(ours, theirs):
    expected = theirs.fit_transform(NUMBERS)
    out = ours.fit_transform(NUMBERS)
    assert isinstance(out, np.ndarray)
    assert out.dtype == np.float64
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.transform(OTHERS), theirs.transform(OTHERS), atol=1e-9)
    back = ours.inverse_transform(out)
    np.testing.assert_allclose(back, theirs.inverse_transform(expected), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("ours", "theirs"), SCALERS, ids=NAMES)
def test_tensors_arrays_and_frames_give_the_same(ours, theirs):
    out = ours.fit_transform(NUMBERS)
    tensor = steep.tensor(NUMBERS.tolist(), dtype=steep.float64)
    again = ours.fit_transform(tensor)
    assert isinstance(again, steep.Tensor)
    np.testing.assert_allclose(again.numpy(), out, rtol=1e-12, atol=1e-12)
    assert ours.transform(tensor.float()).dtype == steep.float32
    assert ours.transform(NUMBERS.astype(np.float32)).dtype == np.float32
    table = {name: NUMBERS[:, i] for i, name in enumerate("abcd")}
    for form in (pd.DataFrame, pl.DataFrame, dict):
        np.testing.assert_allclose(ours.fit_transform(form(table)), out, rtol=1e-12, atol=1e-12)
        # By name: the order of the columns does not matter, and others may stand beside them.
        other = form({name: table[name] for name in "dbca"} | {"z": NUMBERS[:, 0]})
        np.testing.assert_allclose(ours.transform(other), out, rtol=1e-12, atol=1e-12)
        restored = type(ours).from_state(through_json(ours.state()))
        assert restored.names == list("abcd")
        np.testing.assert_array_equal(restored.transform(form(table)), ours.transform(table))
    with pytest.raises(ValueError, match=r"lacks column 'b' \(did you mean 'B'\?\)"):
        ours.transform({"a": [1.0], "B": [1.0], "c": [1.0], "d": [1.0]})


@pytest.mark.parametrize("ours", [ours for ours, _ in SCALERS], ids=NAMES)
def test_what_scalers_refuse(ours):
    fresh = type(ours)()
    name = type(ours).__name__
    assert not fresh.is_fitted
    for method in (fresh.transform, fresh.inverse_transform):
        with pytest.raises(RuntimeError, match=f"{name} is not fitted yet"):
            method(NUMBERS)
    with pytest.raises(RuntimeError, match="not fitted yet"):
        fresh.state()
    for bad in (NAN, np.inf):
        with pytest.raises(ValueError, match="1 that are nan or infinite"):
            fresh.fit([[1.0], [bad]])
    with pytest.raises(ValueError, match="at least one row"):
        fresh.fit(np.empty((0, 2)))
    with pytest.raises(ValueError, match="expected numbers, got 'x'; categories become"):
        fresh.fit(np.array([["1"], ["x"]]))
    with pytest.raises(ValueError, match=r"column 'a': expected numbers, got text in 1 of 2"):
        fresh.fit(pd.DataFrame({"a": [1, "x"]}))
    with pytest.raises(ValueError, match="rows of one length"):
        fresh.fit([[1.0], [1.0, 2.0]])
    fresh.fit(NUMBERS)
    with pytest.raises(ValueError, match="as fitted, got"):
        fresh.transform(NUMBERS[:, :2])


def test_scalers_of_one_dimension_and_of_several():
    x = RNG.random((30, 2, 3))
    for scaler in (data.StandardScaler(), data.RobustScaler(), data.QuantileTransformer(30)):
        flat = scaler.fit_transform(x.reshape(30, 6))
        np.testing.assert_allclose(scaler.fit_transform(x), flat.reshape(30, 2, 3))
        np.testing.assert_allclose(scaler.fit_transform(x[:, 0, 0]), flat[:, 0])
        np.testing.assert_allclose(scaler.fit_transform(pd.Series(x[:, 0, 0])), flat[:, 0])
        np.testing.assert_allclose(scaler.fit_transform(x[::-1])[::-1], flat.reshape(30, 2, 3))


def test_read_only_and_strided_arrays():
    x = NUMBERS.copy()
    x.setflags(write=False)
    scaler = data.StandardScaler()
    expected = scaler.fit_transform(NUMBERS)
    np.testing.assert_array_equal(scaler.fit_transform(x), expected)
    np.testing.assert_array_equal(scaler.transform(np.asfortranarray(NUMBERS)), expected)
    np.testing.assert_array_equal(scaler.transform(x[::-2]), expected[::-2])
    assert np.array_equal(x, NUMBERS)


def test_a_robust_scaler_works_inside_of_a_loader():
    x = steep.tensor(NUMBERS.tolist())
    scaler = data.RobustScaler().fit(x)
    dataset = data.TensorDataset(x, scaler=scaler)
    rows = [batch[0] for batch in data.DataLoader(dataset, 64)]
    assert steep.cat(rows).tolist() == scaler.transform(x).tolist()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: data.RobustScaler((60, 40)), "0 <= low < high <= 100, got"),
        (lambda: data.QuantileTransformer(1), "n_quantiles >= 2, got 1"),
        (lambda: data.QuantileTransformer(output_distribution="log"), "got 'log'"),
        (lambda: data.SimpleImputer("middle"), "mean, median, .*got 'middle'"),
        (lambda: data.OneHotEncoder("ignore"), "error, zeros, own, got 'ignore'"),
        (lambda: data.OrdinalEncoder("zeros"), "error, own, got 'zeros'"),
        (lambda: data.OneHotEncoder(min_count=2), "take unknown='zeros'"),
        (lambda: data.DateParts(["minute"]), "got minute"),
    ],
)
def test_what_constructors_refuse(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_the_normal_distribution():
    p = np.concatenate([[0, 1e-300, 1e-7, 0.075, 0.0749], np.linspace(0.01, 0.99, 99), [1 - 1e-9]])
    np.testing.assert_allclose(normal_quantile(p), stats.norm.ppf(p), rtol=1e-13, atol=1e-15)
    assert normal_quantile(np.array([1.0])).tolist() == [np.inf]
    x = np.linspace(-6, 6, 101)
    np.testing.assert_allclose(normal_cdf(x), stats.norm.cdf(x), rtol=0, atol=1e-15)


def test_as_many_quantiles_as_rows_are_ranks():
    x = np.round(RNG.standard_normal((300, 2)), 1)
    x[:4], x[4:8] = x.min(0), x.max(0)  # ends that repeat
    out = data.QuantileTransformer().fit_transform(x)
    ranks = (stats.rankdata(x, axis=0) - 1) / 299  # of equal values the mean
    inner = (x > x.min(0)) & (x < x.max(0))
    np.testing.assert_allclose(out[inner], ranks[inner], rtol=1e-12)
    assert out.min(0).tolist() == [0, 0]
    assert out.max(0).tolist() == [1, 1]


# ---- states -------------------------------------------------------------------------------------


def test_transforms_print_as_they_are_made():
    assert repr(data.StandardScaler()) == "StandardScaler()"
    assert repr(data.RobustScaler((5, 95))) == "RobustScaler(quantile_range=(5.0, 95.0))"
    table = data.TableTransform(embed=("a",), scale={"b": "robust"})
    assert repr(table) == "TableTransform(embed=['a'], scale={'b': 'robust'})"
    parts = data.TableTransform().fit({"a": [1, 2], "b": ["u", "v"]}).parts
    assert repr(parts[1]) == "CategoryPart(columns=['b'], unknown='zeros', min_count=1)"


def test_states_are_copies_and_name_their_class():
    scaler = data.StandardScaler().fit(NUMBERS)
    state = scaler.state()
    state["mean"][:] = 0
    assert scaler.mean[1].item() != 0
    restored = data.StandardScaler.from_state(scaler.state())
    assert restored.mean.dtype == steep.float64
    with pytest.raises(ValueError, match="state of a MinMaxScaler, got one of StandardScaler"):
        data.MinMaxScaler.from_state(state)
    with pytest.raises(ValueError, match=r"the state lacks \['std'\]"):
        data.StandardScaler.from_state({k: v for k, v in state.items() if k != "std"})
    with pytest.raises(ValueError, match="version 1, got 2; a later steep"):
        data.StandardScaler.from_state(state | {"version": 2})
    with pytest.raises(ValueError, match="got one of list"):
        data.StandardScaler.from_state([])
    with pytest.raises(ValueError, match=r"one of DateParts, .*got 'Scaler'"):
        transform_from_state({"transform": "Scaler"})


@pytest.mark.parametrize(
    ("transform", "table"),
    [
        (data.SimpleImputer("median", add_indicator=True), {"a": [1.0, NAN, 3.0]}),
        (data.SimpleImputer("most_frequent"), {"a": ["u", None, "v"]}),
        (data.OneHotEncoder("own"), {"a": ["u", None, "v"], "b": [1, 2, 1]}),
        (data.OrdinalEncoder("own", 2), {"a": ["u", "u", "v"], "b": [True, False, True]}),
        (data.DateParts(cyclic=False), {"a": [datetime.datetime(2020, 5, i, i) for i in (1, 2)]}),
        (data.MinMaxScaler((-3, 3)), {"a": [1.0, 2.0]}),
        (data.QuantileTransformer(3, "normal"), {"a": [1.0, 2.0, 9.0]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_state_goes_through_a_file(transform, table):
    frame = pd.DataFrame(table)
    out = transform.fit(frame).transform(frame)
    restored = transform_from_state(through_json(transform.state()))
    assert type(restored) is type(transform)
    again = restored.transform(frame)
    assert again.dtype == out.dtype
    assert again.tolist() == out.tolist()
    if hasattr(transform, "feature_names"):
        assert restored.feature_names == transform.feature_names


# ---- missing values -----------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("indicator", [False, True])
def test_imputer_as_scikit_learn(strategy, indicator):
    x = np.round(RNG.standard_normal((60, 3)), 1)
    x[RNG.random(x.shape) < 0.2] = NAN
    x[:, 2] = 4
    ours = data.SimpleImputer(strategy, add_indicator=indicator)
    theirs = sklearn.impute.SimpleImputer(strategy=strategy, add_indicator=indicator)
    np.testing.assert_allclose(ours.fit_transform(x), theirs.fit_transform(x))
    assert isinstance(ours.transform(steep.tensor(x.tolist())), steep.Tensor)
    np.testing.assert_allclose(
        ours.transform([[NAN, NAN, NAN]]), theirs.transform([[NAN, NAN, NAN]])
    )


def test_text_is_imputed():
    frame = pd.DataFrame({"c": ["b", None, "a", "a"], "n": [1.0, 2.0, NAN, 2.0]})
    ours = data.SimpleImputer("most_frequent")
    expected = [["b", 1.0], ["a", 2.0], ["a", 2.0], ["a", 2.0]]
    assert ours.fit_transform(frame).tolist() == expected
    ours = data.SimpleImputer("constant", fill_value="?")
    assert ours.fit_transform(frame[["c"]]).ravel().tolist() == ["b", "?", "a", "a"]
    ours = data.SimpleImputer("constant")
    assert ours.fit_transform(frame[["c"]]).ravel().tolist() == ["b", "missing", "a", "a"]


def test_what_the_imputer_refuses():
    with pytest.raises(ValueError, match=r"column 'b' holds no value .* strategy='constant'"):
        data.SimpleImputer().fit({"a": [1.0], "b": [NAN]})
    with pytest.raises(ValueError, match="expected numbers, got text in 1 of 2 rows"):
        data.SimpleImputer().fit({"a": ["u", "1"]})
    with pytest.raises(ValueError, match="holds 1 infinite values"):
        data.SimpleImputer().fit([[np.inf], [1.0]])
    with pytest.raises(ValueError, match="expected 1 columns, as fitted, got 2"):
        data.SimpleImputer().fit([[1.0]]).transform([[1.0, 2.0]])


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


def test_numpy_is_imported_with_the_first_array_only():
    code = (
        "import sys, steep.data as d; d.StandardScaler(); d.TensorDataset; "
        "print([m for m in ('numpy', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"
