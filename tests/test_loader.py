"""The loader: its order and what its batches hold."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import steep
import steep.data as data
from data_support import Squares, Stream, batches, tensors

# ---- the loader: order ------------------------------------------------------------------------

# torch 2.13: DataLoader(torch.arange(10), 4, shuffle=True), two epochs
SHUFFLED = [[6, 7, 1, 4], [2, 0, 9, 8], [3, 5], [2, 4, 7, 0], [8, 9, 5, 3], [6, 1]]
WITH_GENERATOR = [[7, 4, 2, 9], [1, 5, 0, 8], [6, 3], [1, 2, 0, 5], [9, 4, 8, 3], [6, 7]]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("fast", [False, True])
def test_shuffled_order_is_pytorchs(fast, workers):
    x = steep.arange(10)
    dataset = data.TensorDataset(x) if fast else x

    def epochs(**settings):
        loader = data.DataLoader(dataset, 4, shuffle=True, num_workers=workers, **settings)
        return [(b[0] if fast else b).tolist() for _ in range(2) for b in loader]

    steep.manual_seed(0)
    assert epochs() == SHUFFLED
    generator = steep.Generator()
    generator.manual_seed(3)
    assert epochs(generator=generator) == WITH_GENERATOR


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 4},
        {"batch_size": 4, "drop_last": True},
        {"batch_size": 3, "shuffle": True},
        {"batch_size": 20},
        {},
        {"batch_size": 2, "sampler": [4, 4, 1]},
        {"batch_sampler": [[0, 3], [2], [7, 8, 9]]},
        {"batch_size": 4, "num_workers": 2},
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_gathered_batches_equal_collated_ones(settings, nested):
    x, y = tensors(25)
    dataset = data.TensorDataset(x, y)
    if nested:
        inner = data.Subset(dataset, range(24, 1, -2))
        dataset = data.Subset(inner, [-1, *range(11)])

    def epoch(**more):
        steep.manual_seed(5)
        return [[f.tolist() for f in b] for b in data.DataLoader(dataset, **settings, **more)]

    fast, slow = epoch(), epoch(collate_fn=lambda samples: data.default_collate(samples))
    assert fast == slow
    loader = data.DataLoader(dataset, **settings)
    assert len(loader) == len(fast)


def test_gathered_batches_keep_dtype_and_shape():
    fields = [
        steep.ones(5, 2, dtype=steep.float64),
        steep.ones(5, dtype=steep.int32),
        steep.ones(5, 1, 3, dtype=steep.uint8),
        steep.ones(5, dtype=steep.bool),
        steep.ones(5, 0),
    ]
    batch = next(iter(data.DataLoader(data.TensorDataset(*fields), 3)))
    assert [b.dtype for b in batch] == [f.dtype for f in fields]
    assert [tuple(b.shape) for b in batch] == [(3, 2), (3,), (3, 1, 3), (3,), (3, 0)]


def test_strided_fields_are_gathered_too():
    x = steep.arange(24).reshape(4, 6).t()
    flipped = steep.arange(48).reshape(12, 4)[::2, ::2]
    for field in (x, flipped):
        (out,) = next(iter(data.DataLoader(data.TensorDataset(field), 6)))
        assert out.tolist() == field.tolist()


def test_batches_are_copies():
    x = steep.zeros(4, 2)
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), 4)))
    batch.fill_(1)
    assert x.sum().item() == 0.0


def test_overridden_datasets_are_respected():
    class Doubled(data.TensorDataset):
        def __getitem__(self, index):
            return tuple(t * 2 for t in super().__getitem__(index))

    (batch,) = next(iter(data.DataLoader(Doubled(steep.arange(3)), 3)))
    assert batch.tolist() == [0, 2, 4]


def test_differentiable_fields_keep_their_graph():
    x = steep.ones(3, requires_grad=True)
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), 2)))
    batch.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]


def test_an_index_out_of_range_is_named():
    d = data.TensorDataset(steep.arange(4))
    with pytest.raises(IndexError, match=r"index 4 .* out of range for 4 rows"):
        list(data.DataLoader(data.Subset(d, [0, 4]), 2))


# ---- the loader: samples of all kinds ---------------------------------------------------------

Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (lambda i: float(i), [0.0, 1.0]),
        (lambda i: str(i), ["0", "1"]),
        (lambda i: i > 0, [False, True]),
        (lambda i: {"n": i}, {"n": [0, 1]}),
        (lambda i: (i, [i, 2.0]), [[0, 1], [[0, 1], [2.0, 2.0]]]),
        (lambda i: np.full(2, i), [[0, 0], [1, 1]]),
        (lambda i: np.float64(i), [0.0, 1.0]),
        (lambda i: steep.full((2,), i), [[0, 0], [1, 1]]),
        (lambda i: Pair(i, "x"), Pair([0, 1], ("x", "x"))),
    ],
)
def test_collate(sample, expected):
    def plain(value):
        if isinstance(value, steep.Tensor):
            return value.tolist()
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, Pair):
            return Pair(*map(plain, value))
        return [plain(v) for v in value] if isinstance(value, list) else value

    got = plain(data.default_collate([sample(0), sample(1)]))
    assert got == expected
    assert type(got) is type(expected)


def test_collate_dtypes():
    assert data.default_collate([1.0, 2.0]).dtype == steep.float64
    assert data.default_collate([1, 2]).dtype == steep.int64
    assert data.default_collate([np.float32(1), np.float32(2)]).dtype == steep.float32


def test_collate_errors():
    with pytest.raises(TypeError, match="default_collate: batch must contain tensors"):
        data.default_collate([object()])
    with pytest.raises(RuntimeError, match="equal size"):
        data.default_collate([(1, 2), (3,)])


def test_single_samples():
    loader = data.DataLoader(Squares(3), batch_size=None)
    assert list(loader) == [0, 1, 4]
    assert len(loader) == 3
    x = next(iter(data.DataLoader([np.ones(2)], batch_size=None)))
    assert isinstance(x, steep.Tensor)


def test_getitems_is_used():
    class Whole(Squares):
        def __getitems__(self, indices):
            return [-i for i in indices]

    assert batches(data.DataLoader(Whole(4), 2)) == [[0, -1], [-2, -3]]


def test_own_collate_fn():
    assert list(data.DataLoader(Squares(4), 2, collate_fn=sum)) == [1, 13]


def test_streams():
    assert batches(data.DataLoader(Stream(), 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert batches(data.DataLoader(Stream(), 4, drop_last=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert list(data.DataLoader(Stream(), batch_size=None)) == list(range(10))
    with_workers = batches(data.DataLoader(Stream(), 3, num_workers=2))
    assert with_workers == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]
