"""Whole tables as matrices and codes: kinds of columns, features, new data, states."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import sklearn.compose
import sklearn.impute
import sklearn.pipeline
import sklearn.preprocessing as reference

import steep
from steep.data import TableTransform, TableWarning
from table_support import FORMS, NAN, PEOPLE, ROWS, people, through_json

RNG = np.random.default_rng(0)


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
    transform = TableTransform().fit(PEOPLE)

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
