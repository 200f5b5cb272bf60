"""Tables as datasets, and their targets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import steep
import steep.data as data
from steep.data import DataLoader, TableDataset, TargetTransform, train_val_test_split
from steep.data._gather import ArraySource
from table_support import FORMS, NAN, through_json

# ---- targets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "found", "note"),
    [
        (["a", "b", "a"], "classification", "text"),
        ([True, False, True], "classification", "true or false"),
        (pd.Series([1.5, 2.5], dtype="category"), "classification", "categories"),
        ([0, 1, 1, 0], "classification", "whole numbers, only 2"),
        ([0.0, 1.0, 1.0, 0.0], "classification", "whole numbers, only 2"),
        ([0, 1], "classification", "only 2"),
        (np.arange(100) % 20, "classification", "only 20"),
        (np.arange(100) % 21, "regression", "21 different whole numbers"),
        ([1, 2, 3, 4, 5], "regression", "5 different whole numbers"),
        ([0.5, 1.0, 1.0, 0.5], "regression", "numbers with fractions"),
        (np.zeros((4, 2)), "regression", "2 columns of numbers"),
    ],
)
def test_what_the_target_is(y, found, note):
    target = TargetTransform().fit(y)
    assert target.found == found
    assert note in target.note


def test_labels_and_back():
    y = np.array(["no", "yes", "maybe", "no"])
    for form in (list, np.asarray, pd.Series, pl.Series):
        target = TargetTransform()
        codes = target.fit_transform(form(y))
        assert codes.dtype == np.int64
        assert codes.tolist() == [1, 2, 0, 1]
        assert target.classes.tolist() == ["maybe", "no", "yes"]
        assert target.outputs == 3
        assert target.inverse_transform(codes).tolist() == y.tolist()
    scores = steep.tensor([[0.1, 0.2, 0.7], [5.0, 1.0, 2.0]])
    assert target.inverse_transform(scores).tolist() == ["yes", "maybe"]


def test_regression_and_back():
    y = np.array([10.0, 20.5, 33.0])
    target = TargetTransform()
    out = target.fit_transform(y)
    assert out.dtype == np.float32
    assert out.shape == (3, 1)
    np.testing.assert_allclose(out[:, 0], (y - y.mean()) / y.std(), rtol=1e-6)
    for outputs in (out, out[:, 0], steep.from_numpy(out)):
        back = target.inverse_transform(outputs)
        assert back.dtype == np.float64
        np.testing.assert_allclose(back, y, rtol=1e-6)
    plain = TargetTransform(standardize=False)
    assert plain.fit_transform(y).ravel().tolist() == y.tolist()
    two = np.stack([y, -y], 1)
    target = TargetTransform().fit(two)
    assert target.outputs == 2
    np.testing.assert_allclose(target.inverse_transform(target.transform(two)), two, rtol=1e-6)
    one = TargetTransform().fit(y[:, None])
    assert one.inverse_transform(out).shape == (3, 1)
    for table in (pd.DataFrame({"a": y, "b": y}), pl.DataFrame({"a": y, "b": y})):
        target = TargetTransform().fit(table)
        assert target.inverse_transform(target.transform(table)).shape == (3, 2)


def test_the_task_can_be_said():
    y = [1, 2, 1, 2]
    assert TargetTransform("regression").fit_transform(y).dtype == np.float32
    assert TargetTransform("classification").fit([1.5, 2.5, 3.5]).outputs == 3
    with pytest.raises(ValueError, match="'classification', 'regression' or None, got 'x'"):
        TargetTransform("x")
    with pytest.raises(ValueError, match="expected numbers, got text"):
        TargetTransform("regression").fit(["a", "b"])


@pytest.mark.parametrize(
    ("y", "text"),
    [
        ([1.0, NAN, 3.5], "the target has 1 missing values, the first in row 1; drop these rows"),
        (["a", None], "the target has 1 missing values"),
        ([1.5, np.inf], "the target has 1 infinite values, the first in row 1"),
        (["a", "a"], "two classes or more, got 'a' in every row"),
        ([], "at least one row"),
        (np.array(["2024-01-01", "2024-01-02"], "M8[D]"), "expected numbers, got dates"),
    ],
)
def test_what_is_no_target(y, text):
    with pytest.raises(ValueError, match=text):
        TargetTransform().fit(y)


def test_what_targets_refuse():
    target = TargetTransform().fit(["a", "b", "c"])
    with pytest.raises(ValueError, match="the label 'd' in row 0 is not among the 3"):
        target.transform(["d"])
    with pytest.raises(ValueError, match=r"scores \[rows, 3\], got float32 of shape \(2, 2\)"):
        target.inverse_transform(np.zeros((2, 2), np.float32))
    with pytest.raises(ValueError, match=r"got float64 of shape \(2,\)"):
        target.inverse_transform([0.5, 0.1])
    target = TargetTransform().fit([0.5, 1.5])
    with pytest.raises(ValueError, match="a regression has no classes"):
        target.classes  # noqa: B018
    with pytest.raises(ValueError, match=r"outputs \[rows, 1\], got shape \(2, 2\)"):
        target.inverse_transform(np.zeros((2, 2)))
    with pytest.raises(RuntimeError, match="not fitted yet"):
        TargetTransform().transform([1])
    with pytest.raises(ValueError, match="expected one column of labels, got 2"):
        TargetTransform("classification").fit(np.zeros((3, 2)))


@pytest.mark.parametrize("y", [["a", "b"], [1.5, 2.5], np.eye(3), [True, False]], ids=str)
def test_states_of_targets(y):
    target = TargetTransform().fit(y)
    restored = TargetTransform.from_state(through_json(target.state()))
    out = target.transform(y)
    np.testing.assert_array_equal(restored.transform(y), out)
    assert restored.inverse_transform(out).tolist() == target.inverse_transform(out).tolist()
    assert (restored.found, restored.outputs) == (target.found, target.outputs)


# ---- datasets -----------------------------------------------------------------------------------

TABLE = {
    "age": list(range(20, 80)),
    "city": ["Bern", "Uri", "Zug"] * 20,
    "buys": ["no", "yes"] * 30,
}


@pytest.mark.parametrize("form", FORMS)
def test_tables_become_samples(form):
    dataset = TableDataset(FORMS[form](TABLE), target="buys")
    assert len(dataset) == 60
    assert dataset.transform.feature_names == ["age", "city=Bern", "city=Uri", "city=Zug"]
    assert [t.dtype for t in dataset.tensors] == [steep.float32, steep.int64]
    assert ArraySource.of(dataset) is not None  # whole batches are gathered
    x, y = next(iter(DataLoader(dataset, 60)))
    assert abs(x[:, 0].mean().item()) < 1e-6
    assert y.tolist() == [0, 1] * 30


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_become_samples(tmp_path, kind):
    path = tmp_path / f"people.{kind}"
    frame = pd.DataFrame(TABLE)
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    for given in (path, str(path)):
        dataset = TableDataset(given, target="buys")
        assert dataset.tensors[0].tolist() == TableDataset(TABLE, "buys").tensors[0].tolist()


def test_other_parts_are_like_the_training_part():
    frame = pd.DataFrame(TABLE)
    train, val, test = train_val_test_split(frame, seed=0, stratify="buys")
    train = TableDataset(train, target="buys")
    val = TableDataset(val, like=train)
    assert val.transform is train.transform
    assert len(val.tensors) == 2  # the target is found by its name
    rows = frame.drop(columns="buys").loc[test.index]
    new = TableDataset(rows, like=train)
    assert len(new.tensors) == 1
    expected = train.transform.transform(rows)
    np.testing.assert_array_equal(new.tensors[0].numpy(), expected)
    by_transforms = TableDataset(
        test, "buys", transform=train.transform, target_transform=train.target_transform
    )
    assert by_transforms.tensors[0].tolist() == new.tensors[0].tolist()


def test_targets_of_all_kinds():
    x = np.random.default_rng(0).random((30, 4))
    for target in (3, -1, "x3", np.int64(3)):
        dataset = TableDataset(x, target)
        assert dataset.transform.feature_names == ["x0", "x1", "x2"]
        assert dataset.target_transform.found == "regression"
    dataset = TableDataset(x, 0)
    assert len(TableDataset(x[:, 1:], like=dataset)) == 30
    dataset = TableDataset(x, ["x0", "x2"])
    assert dataset.tensors[1].shape == (30, 2)
    dataset = TableDataset(x, np.arange(30) % 3)
    assert dataset.tensors[0].shape == (30, 4)
    assert dataset.target_transform.outputs == 3
    dataset = TableDataset(x, pd.Series(["a", "b"] * 15))
    assert dataset.tensors[1].tolist() == [0, 1] * 15
    assert TableDataset(x, np.arange(30) % 3, task="regression").tensors[1].shape == (30, 1)
    assert len(TableDataset(x).tensors) == 1


def test_features_and_codes_are_a_pair():
    dataset = TableDataset(TABLE, "buys", embed=True)
    (x, codes), y = dataset[4]
    assert (x.shape, codes.tolist(), y.item()) == ((1,), [1], 0)
    assert ArraySource.of(dataset) is not None
    for loader in (DataLoader(dataset, 7), DataLoader(data.Subset(dataset, range(60)), 7)):
        (x, codes), y = next(iter(loader))
        assert (x.shape, codes.shape, y.shape) == ((7, 1), (7, 1), (7,))
    (sample,) = TableDataset(TABLE, embed=True, drop=["buys"])[0]
    assert [part.tolist() for part in sample] == [dataset.tensors[0][0].tolist(), [0]]


class Coded(steep.nn.Module):
    """An embedding beside the features."""

    def __init__(self, dataset):
        super().__init__()
        self.embedding = steep.nn.Embedding(dataset.transform.embedding_sizes[0], 2)
        width = len(dataset.transform.feature_names) + 2
        self.body = steep.nn.Linear(width, dataset.target_transform.outputs)

    def forward(self, x, codes):
        return self.body(steep.cat([x, self.embedding(codes[:, 0])], 1))


@pytest.mark.parametrize("form", ["dataset", "loader"])
def test_fit_takes_features_and_codes(form):
    table = {**TABLE, "buys": ["no", "yes", "no"] * 20}
    train = TableDataset(table, "buys", embed=True)
    model = Coded(train)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.1)
    given = train if form == "dataset" else DataLoader(train, 20, shuffle=True)
    options = {"batch_size": 20} if form == "dataset" else {}
    loss = steep.nn.CrossEntropyLoss()
    history = steep.train.fit(
        model, loss, optimizer, given, epochs=30, progress=False, sanitize=False, **options
    )
    assert history["loss"][-1] < 0.1
    predicted = train.target_transform.inverse_transform(model(*train.tensors[:2]))
    assert predicted.tolist() == table["buys"]


def test_a_network_learns_from_a_table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(400), "c": rng.choice(["u", "v"], 400)})
    frame["y"] = np.where(frame["c"] == "u", frame["a"], 1 - frame["a"]) > 0.5
    train, val, _ = train_val_test_split(frame, seed=0, stratify="y")
    train = TableDataset(train, target="y")
    val = TableDataset(val, like=train)
    width = len(train.transform.feature_names)
    model = steep.nn.Sequential(steep.nn.Linear(width, 16), steep.nn.Tanh(), steep.nn.Linear(16, 2))
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(30):
        for x, y in DataLoader(train, 32, shuffle=True):
            optimizer.zero_grad()
            steep.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    predicted = train.target_transform.inverse_transform(model(val.tensors[0]))
    assert predicted.dtype == bool
    truth = val.target_transform.inverse_transform(val.tensors[1])
    assert (predicted == truth).mean() > 0.9


def test_what_datasets_refuse():
    train = TableDataset(TABLE, "buys")
    with pytest.raises(ValueError, match=r"no target column 'buy' \(did you mean 'buys'\?\)"):
        TableDataset(TABLE, "buy")
    with pytest.raises(ValueError, match="there is no column 3; the table has 3"):
        TableDataset(TABLE, 3)
    with pytest.raises(ValueError, match="like or transforms, got both"):
        TableDataset(TABLE, like=train, transform=train.transform)
    with pytest.raises(ValueError, match="the transform is given, so scale would do nothing"):
        TableDataset(TABLE, like=train, scale="robust")
    with pytest.raises(ValueError, match="one target per row, got 3 for 60 rows"):
        TableDataset(TABLE, [1.5, 2.5, 3.5])
    with pytest.raises(ValueError, match="missing values, the first in row 1"):
        TableDataset({"a": [1, 2], "y": [1.0, NAN]}, "y")
