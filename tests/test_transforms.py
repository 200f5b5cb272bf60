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
from table_support import NAN, through_json

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


def test_numpy_is_imported_with_the_first_array_only():
    code = (
        "import sys, steep.data as d; d.StandardScaler(); d.TensorDataset; "
        "print([m for m in ('numpy', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"
