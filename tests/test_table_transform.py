"""Whole tables as matrices and codes: kinds of columns, features, new data, states."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.compose
import sklearn.impute
import sklearn.pipeline
import sklearn.preprocessing as reference

import steep
from steep.data import TableTransform, TableWarning
from table_support import FORMS, NAN, through_json

RNG = np.random.default_rng(0)
ROWS = 120


def people():
    """Numbers, one with gaps, a truth value, text, and days."""
    days = np.datetime64("2023-11-28") + RNG.integers(0, 90, ROWS).astype("timedelta64[D]")
    return {
        "age": RNG.integers(18, 90, ROWS),
        "income": np.where(RNG.random(ROWS) < 0.2, NAN, RNG.lognormal(10, 1, ROWS)),
        "member": RNG.random(ROWS) < 0.5,
        "city": RNG.choice(["Bern", "Uri", "Zug"], ROWS),
        "since": days.astype("datetime64[us]"),
    }


PEOPLE = people()


# ---- what it makes of a table -------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_gives_the_same(form):
    expected = TableTransform().fit(pd.DataFrame(PEOPLE))
    table = FORMS[form](PEOPLE)
    transform = TableTransform().fit(table)
    assert transform.kinds == {
        **dict.fromkeys(("age", "income", "member"), "number"),
        "city": "category",
        "since": "date",
    }
    assert transform.notes == []
    assert transform.feature_names == [
        *("age", "income", "member", "income_missing"),
        *("since_year", "since_month_sin", "since_month_cos", "since_day_sin", "since_day_cos"),
        *("since_weekday_sin", "since_weekday_cos", "city=Bern", "city=Uri", "city=Zug"),
    ]
    out = transform.transform(table)
    assert out.dtype == np.float32
    assert out.shape == (ROWS, 14)
    np.testing.assert_array_equal(out, expected.transform(pd.DataFrame(PEOPLE)))
    assert np.abs(out[:, :3].mean(0)).max() < 1e-6


def test_as_scikit_learn_pipelines():
    frame = pd.DataFrame({name: PEOPLE[name] for name in ("age", "income", "city")})
    numbers = sklearn.pipeline.make_pipeline(
        sklearn.impute.SimpleImputer(strategy="median"), reference.StandardScaler()
    )
    pipeline = sklearn.compose.make_column_transformer(
        (numbers, ["age", "income"]),
        (sklearn.impute.MissingIndicator(), ["age", "income"]),
        (reference.OneHotEncoder(), ["city"]),
    )
    expected = pipeline.fit_transform(frame)
    np.testing.assert_allclose(TableTransform().fit_transform(frame), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("scale", "theirs"),
    [
        ("standard", reference.StandardScaler()),
        ("minmax", reference.MinMaxScaler()),
        ("robust", reference.RobustScaler()),
        ("quantile", reference.QuantileTransformer(n_quantiles=1000, subsample=None)),
        (
            "normal",
            reference.QuantileTransformer(
                n_quantiles=1000, subsample=None, output_distribution="normal"
            ),
        ),
        ("none", reference.FunctionTransformer()),
    ],
)
def test_scales(scale, theirs):
    x = RNG.standard_normal((1000, 2)) * [1, 50]
    out = TableTransform(scale=scale).fit_transform(x)
    np.testing.assert_allclose(out, theirs.fit_transform(x), rtol=1e-5, atol=1e-5)


def test_a_scale_for_each_column():
    x = {"a": RNG.random(50), "b": RNG.random(50), "c": RNG.random(50)}
    transform = TableTransform(scale={"b": "minmax"}).fit(x)
    assert transform.feature_names == ["a", "c", "b"]
    out = transform.transform(x)
    assert out[:, 2].min() == 0
    assert out[:, 2].max() == 1
    assert abs(out[:, 0].std() - 1) < 1e-6


def test_only_training_rows_are_learned_from():
    table = {"a": [1.0, 2.0, 3.0, 1e6], "c": ["u", "v", "u", "w"]}
    transform = TableTransform(scale="minmax").fit(table, rows=[0, 1, 2])
    part = TableTransform(scale="minmax").fit({name: v[:3] for name, v in table.items()})
    assert transform.feature_names == part.feature_names == ["a", "c=u", "c=v"]
    np.testing.assert_array_equal(transform.transform(table), part.transform(table))
    assert transform.transform(table)[3].tolist() == [499999.5, 0, 0]


def test_codes_for_embeddings():
    x, codes = TableTransform(embed=True).fit_transform(PEOPLE)
    assert x.shape == (ROWS, 11)
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes[:, 0], np.unique(PEOPLE["city"], return_inverse=True)[1])
    transform = TableTransform(embed=["city"], categories=["member"]).fit(PEOPLE)
    assert transform.embedding_names == ["city"]
    assert transform.embedding_sizes == [4]
    assert transform.feature_names[-2:] == ["member=False", "member=True"]
    _, codes = transform.transform({**PEOPLE, "city": ["Rome"] * ROWS})
    assert set(codes[:, 0]) == {3}
    embedding = steep.nn.Embedding(transform.embedding_sizes[0], 2)
    assert embedding(steep.from_numpy(codes[:, 0])).shape == (ROWS, 2)
    x, codes = TableTransform(embed=True).fit_transform({"a": [1.0, 2.0]})
    assert (x.shape, codes.shape) == ((2, 1), (2, 0))
    x, codes = TableTransform(embed=True).fit_transform({"a": ["u", "v"]})
    assert (x.shape, codes.tolist()) == ((2, 0), [[0], [1]])


def test_overrides():
    table = {
        "code": [1, 2, 1, 2],
        "text": ["a b", "c", "d", "e"],
        "when": ["2024-01-05"] * 3 + [""],
    }
    transform = TableTransform(categories=["code"], drop=["text"], dates=["when"]).fit(table)
    assert transform.kinds == {"code": "category", "text": "dropped", "when": "date"}
    assert transform.feature_names == ["when_missing", "code=1", "code=2"]
    assert transform.transform(table).tolist() == [[0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_text_that_is_numbers_or_dates():
    table = {"n": ["1", "2.5", None, "-3"], "d": ["2024-01-05", "2024-02-05", "2024-02-07", None]}
    transform = TableTransform().fit(table)
    assert transform.kinds == {"n": "number", "d": "date"}
    assert transform.notes == [
        "'n' is a number: text that is all numbers",
        "'d' is a date: text that is all dates",
    ]
    with pytest.raises(ValueError, match="'n': expected numbers, got text in 1 of 1 rows"):
        transform.transform({"n": ["many"], "d": ["2024-01-01"]})
    with pytest.raises(ValueError, match=r"'d': expected dates such as .* got 'soon' in row 0"):
        transform.transform({"n": ["1"], "d": ["soon"]})


def test_text_that_only_looks_like_numbers():
    table = {"zip": ["08001", "00100", "08001", "1"], "key": ["1_0", "2_0", "1_0", "2_0"]}
    assert set(TableTransform().fit(table).kinds.values()) == {"category"}
    table = {"a": ["0.5", "-0", "+7", "1e3"]}
    assert TableTransform().fit(table).kinds == {"a": "number"}


# ---- what is left out ---------------------------------------------------------------------------


def test_columns_that_say_nothing_are_dropped_with_a_word():
    frame = pd.DataFrame(
        {
            "x": RNG.random(300),
            "empty": [NAN] * 300,
            "same": 7,
            "word": "a",
            "name": [f"name {i}" for i in range(300)],
            "street": [f"street {i % 120}" for i in range(300)],
        }
    )
    with pytest.warns(TableWarning) as caught:
        transform = TableTransform().fit(frame)
    text = str(caught[0].message)
    for part in (
        "'empty' (the training rows hold no value)",
        "'same' (constant, 7 in all training rows)",
        "'word' (constant, a in all",
        "'name' (300 different texts, more than max_categories=100; name it in categories= or",
        "'street' (120 different texts",
    ):
        assert part in text
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert len(transform.notes) == 5
    assert transform.feature_names == ["x"]
    assert transform.transform({"x": [0.5]}).shape == (1, 1)
    transform = TableTransform(
        embed=["street"], max_categories=150, drop=["empty", "same", "word", "name"]
    ).fit(frame)
    assert transform.embedding_sizes == [121]


def test_text_of_its_own_in_most_rows_is_dropped():
    table = {"x": [1.0, 2.0] * 6, "id": [f"k{i}" for i in range(12)]}
    with pytest.warns(TableWarning, match="'id' .12 different texts in 12 rows; name it"):
        TableTransform().fit(table)


def test_a_constant_with_gaps_tells_where_they_are():
    transform = TableTransform().fit({"a": [5.0, NAN, 5.0], "b": [1, 2, 3]})
    assert transform.feature_names == ["b", "a_missing"]
    assert transform.transform({"a": [NAN, 9.0], "b": [2, 2]}).tolist() == [[0, 1], [0, 0]]


def test_an_index_that_was_written_with_the_table(tmp_path):
    pd.DataFrame({"a": [5, 6, 8]}).to_csv(tmp_path / "t.csv")
    with pytest.warns(TableWarning, match="'Unnamed: 0' .it numbers the rows"):
        transform = TableTransform().fit(tmp_path / "t.csv", rows=[0, 2])
    assert transform.feature_names == ["a"]
    table = {"Unnamed: 0": [1, 1, 2], "a": [5, 6, 8]}
    assert TableTransform().fit(table).feature_names == ["Unnamed: 0", "a"]


def test_nothing_left():
    with pytest.raises(ValueError, match=r"no column is left to learn from; dropped are 'a' \(con"):
        TableTransform().fit({"a": [1, 1]})
    with pytest.raises(ValueError, match="at least one row"):
        TableTransform().fit({"a": []})
    with pytest.raises(ValueError, match="no value"):
        TableTransform().fit(pd.DataFrame({"a": [None, None]}))


# ---- new data -----------------------------------------------------------------------------------


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


# ---- states -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"embed": True, "unknown": "own", "min_count": 3},
        {"embed": ["city"], "scale": {"income": "normal", "age": "none"}, "cyclic": False},
        {"scale": "robust", "categories": ["member"], "drop": ["age"], "infinite": "missing"},
    ],
)
def test_states_go_through_files(options):
    transform = TableTransform(**options).fit(PEOPLE)
    restored = TableTransform.from_state(through_json(transform.state()))
    for name in ("kinds", "notes", "feature_names", "embedding_names", "embedding_sizes"):
        assert getattr(restored, name) == getattr(transform, name)
    new = {**people(), "city": ["Rome", *PEOPLE["city"][1:]]}
    made, again = transform.transform(new), restored.transform(new)
    pairs = zip(made, again, strict=True) if transform.embed else [(made, again)]
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    assert through_json(restored.state()).keys() == transform.state().keys()
    with pytest.raises(RuntimeError, match="TableTransform is not fitted yet"):
        TableTransform().state()


def test_a_state_is_saved_with_a_model(tmp_path):
    transform = fitted()

    def tensors(value):
        if isinstance(value, dict):
            return {key: tensors(item) for key, item in value.items()}
        if isinstance(value, list):
            return [tensors(item) for item in value]
        return steep.from_numpy(value) if isinstance(value, np.ndarray) else value

    steep.save({"table": tensors(transform.state())}, tmp_path / "model.safetensors")
    state = steep.load(tmp_path / "model.safetensors")["table"]
    restored = TableTransform.from_state(state)
    np.testing.assert_array_equal(restored.transform(PEOPLE), transform.transform(PEOPLE))


def test_arrays_need_no_pandas(monkeypatch):
    for library in ("pandas", "pyarrow", "polars"):
        monkeypatch.setitem(sys.modules, library, None)
    table = {
        "a": np.array([1.0, NAN, 3.0]),
        "c": np.array(["u", "v", "u"]),
        "d": np.array(["2024-01-01", "2024-02-01", "NaT"], "M8[D]"),
    }
    transform = TableTransform().fit(table)
    assert set(transform.kinds.values()) == {"number", "category", "date"}
    restored = TableTransform.from_state(through_json(transform.state()))
    np.testing.assert_array_equal(restored.transform(table), transform.transform(table))
    for column in (["2024-01-01", "2024-01-02"], np.array(["u", None], object)):
        with pytest.raises(ImportError, match=r"needs pandas: pip install 'steep\[tables\]'") as e:
            TableTransform().fit({"a": column})
        assert "``" not in str(e.value)
