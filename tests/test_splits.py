"""Splits and folds: at random, stratified, by group and in time."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import TimeSeriesSplit

import steep
import steep.data as data

ALL = np.arange(100)


def check_whole(parts, total):
    joined = np.sort(np.concatenate(parts))
    np.testing.assert_array_equal(joined, np.arange(total))
    assert all(part.dtype == np.int64 for part in parts)


def test_a_seed_gives_one_split():
    parts = data.split_indices(100, (0.5, 0.3, 0.1, 0.1), seed=7)
    assert [len(part) for part in parts] == [50, 30, 10, 10]
    check_whole(parts, 100)
    again = data.split_indices(ALL, (0.5, 0.3, 0.1, 0.1), seed=7)
    assert [p.tolist() for p in again] == [p.tolist() for p in parts]
    other = data.split_indices(100, (0.5, 0.3, 0.1, 0.1), seed=8)
    assert other[0].tolist() != parts[0].tolist()
    # The same on every machine; torch.randperm(8) after manual_seed(0) is 4 0 7 3 2 5 1 6.
    assert data.split_indices(8, (0.5, 0.5), seed=0)[0].tolist() == [4, 0, 7, 3]
    folds = data.k_fold_indices(8, 4, seed=0)
    assert [val.tolist() for _, val in folds] == [[2, 4], [0, 5], [1, 7], [3, 6]]


def test_the_default_generator_draws_where_no_seed_is_given():
    steep.manual_seed(3)
    first = data.split_indices(50)[0]
    steep.manual_seed(3)
    assert data.split_indices(50)[0].tolist() == first.tolist()
    assert data.split_indices(50)[0].tolist() != first.tolist()


@pytest.mark.parametrize("kind", [list, np.asarray, pd.Series, pl.Series, steep.tensor])
def test_stratified_parts_and_folds_share_out_every_label(kind):
    labels = np.repeat([5, 1, 3], [60, 30, 10])
    given = kind(labels.tolist())
    parts = data.split_indices(100, (0.6, 0.2, 0.2), seed=1, stratify=given)
    check_whole(parts, 100)
    counts = [np.bincount(labels[part])[[5, 1, 3]].tolist() for part in parts]
    assert counts == [[36, 18, 6], [12, 6, 2], [12, 6, 2]]
    folds = data.k_fold_indices(100, 10, seed=1, stratify=given)
    check_whole([val for _, val in folds], 100)
    for train, val in folds:
        assert np.bincount(labels[val])[[5, 1, 3]].tolist() == [6, 3, 1]
        check_whole([train, val], 100)


def test_rare_labels_in_folds():
    with pytest.warns(UserWarning, match=r"a label occurs only 2 times, so not every one of 3"):
        folds = data.k_fold_indices(12, 3, stratify=["a"] * 10 + ["b"] * 2)
    assert max((val >= 10).sum() for _, val in folds) == 1
    with pytest.raises(ValueError, match="are these labels, or numbers to predict"):
        data.k_fold_indices(12, 3, stratify=np.linspace(0, 1, 12))


@pytest.mark.parametrize("text", [False, True])
def test_groups_stay_together(text):
    groups = np.random.default_rng(0).integers(0, 20, 400)
    given = [f"g{i}" for i in groups] if text else groups
    for seed in range(5):
        parts = data.split_indices(400, seed=seed, groups=given)
        check_whole(parts, 400)
        assert all(len(part) for part in parts)
        assert abs(len(parts[0]) - 280) < 40
        sets = [set(groups[part]) for part in parts]
        assert sum(map(len, sets)) == 20
    folds = data.k_fold_indices(400, 4, groups=given, seed=0)
    check_whole([val for _, val in folds], 400)
    assert all(abs(len(val) - 100) < 15 for _, val in folds)
    assert all(not set(groups[train]) & set(groups[val]) for train, val in folds)


def test_as_many_groups_as_parts_go_one_to_each():
    groups = [0] * 50 + [1, 2]
    for seed in range(6):
        parts = data.split_indices(52, (0.8, 0.1, 0.1), groups=groups, seed=seed)
        assert sorted(map(len, parts)) == [1, 1, 50]


def test_time_goes_forward():
    rng = np.random.default_rng(0)
    days = np.datetime64("2024-01-01") + rng.permutation(100).astype("timedelta64[D]")
    for times in (days, pd.Series(days), pl.Series(days), [str(day) for day in days]):
        parts = data.split_indices(100, (0.7, 0.2, 0.1), time=times)
        assert [len(part) for part in parts] == [70, 20, 10]
        check_whole(parts, 100)
        assert days[parts[0]].max() < days[parts[1]].min()
        assert days[parts[1]].max() < days[parts[2]].min()
    assert data.split_indices(5, (0.6, 0.4), time=True)[1].tolist() == [3, 4]


def test_rows_of_one_time_stay_together():
    train, test = data.split_indices(10, (0.5, 0.5), time=[0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    assert train.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert test.tolist() == [7, 8, 9]
    with pytest.raises(ValueError, match="part 1 of 2 has no row: 3 rows have only 1 different"):
        data.split_indices(3, (0.5, 0.5), time=[4, 4, 4])


@pytest.mark.parametrize("gap", [0, 3])
@pytest.mark.parametrize("total", [24, 27])
def test_time_folds_as_scikit_learn(total, gap):
    expected = list(TimeSeriesSplit(5, gap=gap).split(np.zeros(total)))
    folds = data.k_fold_indices(total, 5, time=True, gap=gap)
    for (train, val), (train_expected, val_expected) in zip(folds, expected, strict=True):
        np.testing.assert_array_equal(train, train_expected)
        np.testing.assert_array_equal(val, val_expected)


def test_frames_give_frames_and_take_names():
    frame = pd.DataFrame({"y": ["a", "b"] * 20, "u": np.arange(40) // 4, "t": range(40)})
    for table in (frame, pl.from_pandas(frame)):
        train, val, test = data.train_val_test_split(table, seed=0, stratify="y")
        assert type(train) is type(table)
        assert [len(train), len(val), len(test)] == [28, 6, 6]
        assert sum(train["y"] == "a") == 14
        pairs = data.k_folds(table, 4, groups="u")
        assert all(not {*train["u"]} & {*val["u"]} for train, val in pairs)
        train, val, test = data.train_val_test_split(table, time="t")
        assert list(test["t"]) == [34, 35, 36, 37, 38, 39]
    with pytest.raises(ValueError, match=r"no column 'Y' \(did you mean 'y'\?\)"):
        data.train_val_test_split(frame, stratify="Y")
    with pytest.raises(ValueError, match="which only a frame's column has"):
        data.train_val_test_split(range(9), stratify="y")


def test_datasets_give_subsets():
    dataset = data.TensorDataset(steep.arange(10))
    pairs = data.k_folds(dataset, 5, seed=2)
    assert all(isinstance(part, data.Subset) for pair in pairs for part in pair)
    seen = [row[0].item() for _, val in pairs for row in val]
    assert sorted(seen) == list(range(10))
    batches = list(data.DataLoader(pairs[0][0], 4))
    assert [len(batch[0]) for batch in batches] == [4, 4]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"fractions": (1.0,)}, r"two fractions or more, got \(1.0,\)"),
        ({"fractions": (0.5, 0.6)}, "add up to 1.1"),
        ({"fractions": (1.5, -0.5)}, r"fractions in \[0, 1\]"),
        ({"seed": 1, "generator": steep.Generator()}, "seed or generator, got both"),
        ({"stratify": [1] * 9, "groups": [1] * 9}, r"got \['stratify', 'groups'\]"),
        ({"groups": [1] * 8}, "one group per sample in groups, got 8 for 9"),
        ({"groups": [1] * 9}, "at least 3 groups, one for each part, got 1"),
        ({"groups": ["a", None, *"bcdefgh"]}, "finite groups in groups, got a missing value at 1"),
        ({"time": [1.0] * 8 + [np.inf]}, "finite times in time, got inf at 8"),
        ({"time": [datetime.date(2020, 1, 1)] * 8 + [None]}, "got a missing value at 8"),
        ({"time": ["soon"] * 9}, "expected dates such as"),
        ({"stratify": np.zeros((9, 2))}, "one value per row"),
        ({"stratify": steep.zeros(9, 2)}, "stratify to have one dimension"),
    ],
)
def test_errors_of_splits(arguments, text):
    with pytest.raises(ValueError, match=text):
        data.split_indices(9, **arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"folds": 1}, "two folds or more, got 1"),
        ({"folds": 10}, "at least one row for each of 10 folds, got 9 rows"),
        ({"folds": 9, "time": True}, "got 9 rows"),
        ({"gap": 1}, "pass time"),
        ({"folds": 2, "time": True, "gap": 3}, "a gap of 0 to 2 rows"),
        ({"folds": 3, "groups": [0] * 8 + [1]}, "one group for each of 3 folds, got 2"),
    ],
)
def test_errors_of_folds(arguments, text):
    with pytest.raises(ValueError, match=text):
        data.k_fold_indices(9, **arguments)
