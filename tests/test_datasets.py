"""Datasets, splits and samplers."""

from __future__ import annotations

import numpy as np
import pytest

import steep
import steep.data as data
from data_support import Squares, Stream, tensors

# ---- datasets ---------------------------------------------------------------------------------


def test_tensor_dataset():
    x, y = tensors()
    d = data.TensorDataset(x, y)
    assert len(d) == 11
    row, label = d[-1]
    assert row.tolist() == x[10].tolist()
    assert label.item() == 10
    with pytest.raises(
        AssertionError, match=r"Size mismatch between tensors.*\(11, 2, 3\), \(4,\)"
    ):
        data.TensorDataset(x, y[:4])
    with pytest.raises(AssertionError, match="Size mismatch"):
        data.TensorDataset(steep.tensor(1.0))
    with pytest.raises(ValueError, match="at least one tensor"):
        data.TensorDataset()
    with pytest.raises(TypeError, match="got list at position 1"):
        data.TensorDataset(x, [1])


def test_subset_and_concat():
    d = data.ConcatDataset([Squares(3), data.Subset(Squares(), [9, 8])]) + Squares(1)
    assert [d[i] for i in range(len(d))] == [0, 1, 4, 81, 64, 0]
    assert d[-2] == 64
    with pytest.raises(IndexError, match="out of range for 6 samples"):
        d[6]
    with pytest.raises(ValueError, match="at least one dataset"):
        data.ConcatDataset([])
    with pytest.raises(TypeError, match="IterableDataset"):
        data.ConcatDataset([Stream()])


def test_stacked_datasets() -> None:
    class Many(data.Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            raise AssertionError("asked for one sample")

        def __getitems__(self, indices):
            return [10 * i for i in indices]

    stack = data.StackDataset(data.TensorDataset(steep.arange(3)), [5, 6, 7])
    assert len(stack) == 3
    assert stack[2] == ((steep.tensor(2),), 7)
    named = data.StackDataset(many=Many(), letter="abc")
    (batch,) = data.DataLoader(named, 2, sampler=[2, 0])
    assert batch["many"].tolist() == [20, 0]
    assert batch["letter"] == ["c", "a"]
    for make in (lambda: data.StackDataset(), lambda: data.StackDataset([1], x=[2])):
        with pytest.raises(ValueError, match="by position or all by name"):
            make()
    with pytest.raises(ValueError, match="one length, got 1, 2"):
        data.StackDataset([1], [2, 3])


def test_chained_streams() -> None:
    class Count(data.IterableDataset):
        def __init__(self, size):
            self.size = size

        def __iter__(self):
            return iter(range(self.size))

        def __len__(self):
            return self.size

    chain = data.ChainDataset([Count(2), Count(3)])
    assert len(chain) == 5
    assert [b.tolist() for b in data.DataLoader(chain, 2)] == [[0, 1], [0, 1], [2]]
    with pytest.raises(TypeError, match="only supports IterableDataset, got list; use Concat"):
        list(data.ChainDataset([[1]]))


def test_base_classes_ask_to_be_completed():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        data.Dataset()[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(data.IterableDataset())


def test_random_split_as_pytorch():
    # torch 2.13: random_split(range(10), [.33, .33, .34], Generator().manual_seed(42))
    generator = steep.Generator()
    generator.manual_seed(42)
    parts = data.random_split(range(10), [0.33, 0.33, 0.34], generator)
    assert [p.indices for p in parts] == [[2, 6, 1, 8], [4, 5, 0], [9, 3, 7]]


def test_random_split_lengths():
    parts = data.random_split(range(7), [3, 4])
    assert sorted(parts[0].indices + parts[1].indices) == list(range(7))
    with pytest.raises(ValueError, match="Sum of input lengths"):
        data.random_split(range(7), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0"):
        data.random_split(range(7), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(range(1), [0.9, 0.1])


def test_three_way_split():
    parts = data.train_val_test_split(range(1797), seed=3)
    assert [len(p) for p in parts] == [1258, 270, 269]
    assert sorted(i for p in parts for i in p.indices) == list(range(1797))
    again = data.train_val_test_split(range(1797), seed=3)
    assert [p.indices for p in again] == [p.indices for p in parts]


def test_stratified_split_shares_out_every_label():
    labels = [0] * 50 + [1] * 30 + [2] * 20 + [3]
    parts = data.train_val_test_split(
        range(101), (0.6, 0.2, 0.2), seed=1, stratify=steep.tensor(labels)
    )
    counts = [np.bincount([labels[i] for i in p.indices], minlength=4).tolist() for p in parts]
    assert counts[0][:3] == [30, 18, 12]
    assert counts[1][:3] == [10, 6, 4]
    assert counts[2][:3] == [10, 6, 4]
    assert sum(c[3] for c in counts) == 1
    # Labels are mixed within a part, not laid one after the other.
    first = [labels[i] for i in parts[0].indices]
    assert first != sorted(first)


def test_split_errors():
    with pytest.raises(ValueError, match="three fractions"):
        data.train_val_test_split(range(9), (0.5, 0.5))
    with pytest.raises(ValueError, match="add up to 1"):
        data.train_val_test_split(range(9), (0.5, 0.2, 0.2))
    with pytest.raises(ValueError, match="seed or generator"):
        data.train_val_test_split(range(9), seed=1, generator=steep.Generator())
    with pytest.raises(ValueError, match="one label per sample"):
        data.train_val_test_split(range(9), stratify=[1])
    with pytest.raises(ValueError, match="finite labels"):
        data.train_val_test_split(range(2), stratify=[1.0, float("nan")])


# ---- samplers ---------------------------------------------------------------------------------


def test_samplers_as_pytorch():
    # torch 2.13, after torch.manual_seed(0), in this order
    steep.manual_seed(0)
    assert list(data.RandomSampler(range(5), True, 8)) == [1, 0, 4, 3, 4, 0, 2, 3]
    weighted = data.WeightedRandomSampler([0.1, 0.9, 0.4, 3], 8)
    assert list(weighted) == [3, 3, 3, 3, 3, 1, 3, 3]


def test_random_sampler_visits_everything():
    sampler = data.RandomSampler(range(6), num_samples=15)
    order = list(sampler)
    assert len(sampler) == len(order) == 15
    assert sorted(order[:6]) == sorted(order[6:12]) == list(range(6))


def test_weighted_sampler_without_replacement():
    order = list(data.WeightedRandomSampler([1.0, 0.0, 5.0, 2.0], 3, replacement=False))
    assert sorted(order) == [0, 2, 3]
    with pytest.raises(ValueError, match="at most 3 samples without replacement"):
        data.WeightedRandomSampler([1.0, 0.0, 5.0, 2.0], 4, replacement=False)


def test_weighted_sampler_follows_its_weights():
    steep.manual_seed(1)
    order = list(data.WeightedRandomSampler([0.0, 3.0, 1.0], 4000))
    counts = np.bincount(order, minlength=3) / 4000
    np.testing.assert_allclose(counts, [0, 0.75, 0.25], atol=0.03)


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: data.RandomSampler(range(0)), ValueError, "num_samples=0"),
        (lambda: data.RandomSampler(range(3), replacement=1), TypeError, "boolean"),
        (lambda: data.BatchSampler(range(3), 0, False), ValueError, "batch_size=0"),
        (lambda: data.BatchSampler(range(3), 2, 1), ValueError, "drop_last=1"),
        (lambda: data.WeightedRandomSampler([[1.0]], 1), ValueError, "1d sequence"),
        (lambda: data.WeightedRandomSampler([-1.0, 2.0], 1), ValueError, "finite weights"),
        (lambda: data.WeightedRandomSampler([0.0], 1), ValueError, "not all 0"),
    ],
)
def test_sampler_errors(make, kind, text):
    with pytest.raises(kind, match=text):
        make()
