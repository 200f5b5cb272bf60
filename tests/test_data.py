"""Datasets, samplers, splits, the loader's two paths and its threads, scalers, gathering."""

from __future__ import annotations

import array
import gc
import threading
import time
from collections import namedtuple

import numpy as np
import pytest

import steep
import steep.data as data
from steep.data import _pipeline


class Squares(data.Dataset):
    """Plain numbers, so that a loader of it takes the general path."""

    def __init__(self, size=10):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if not 0 <= index < self.size:
            raise IndexError(index)
        return index * index


def tensors(n=11):
    x = steep.arange(n * 6).reshape(n, 2, 3).float()
    return x, steep.arange(n)


def batches(loader):
    return [b.tolist() for b in loader]


# ---- datasets ---------------------------------------------------------------------------------


def test_tensor_dataset():
    x, y = tensors()
    d = data.TensorDataset(x, y)
    assert len(d) == 11
    row, label = d[-1]
    assert row.tolist() == x[10].tolist()
    assert label.item() == 10
    with pytest.raises(ValueError, match=r"Size mismatch between tensors.*\(11, 2, 3\), \(4,\)"):
        data.TensorDataset(x, y[:4])
    with pytest.raises(ValueError, match="Size mismatch"):
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
        (lambda i: Pair(i, "x"), Pair([0, 1], ["x", "x"])),
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


class Stream(data.IterableDataset):
    """0 to 9; with workers, each takes its share."""

    def __iter__(self):
        info = data.get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(start, 10, step))


def test_streams():
    assert batches(data.DataLoader(Stream(), 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert batches(data.DataLoader(Stream(), 4, drop_last=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert list(data.DataLoader(Stream(), batch_size=None)) == list(range(10))
    with_workers = batches(data.DataLoader(Stream(), 3, num_workers=2))
    assert with_workers == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]


# ---- the loader: threads ----------------------------------------------------------------------


def data_threads():
    return [t for t in threading.enumerate() if t.name.startswith("steep-data")]


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_batches_come_in_order_whatever_the_threads_do():
    class Slow(Squares):
        def __getitem__(self, index):
            time.sleep(0.02 if index % 3 == 0 else 0)
            return index

    loader = data.DataLoader(Slow(12), 2, num_workers=3)
    assert batches(loader) == [[i, i + 1] for i in range(0, 12, 2)]
    assert wait_until(lambda: not data_threads())


def test_worker_errors_reach_the_caller_in_their_place():
    class Broken(Squares):
        def __getitem__(self, index):
            if index == 2:
                raise KeyError("sample 2")
            return index

    it = iter(data.DataLoader(Broken(5), 1, num_workers=2))
    assert [next(it).item(), next(it).item()] == [0, 1]
    with pytest.raises(KeyError, match="sample 2"):
        next(it)
    assert [b.item() for b in it] == [3, 4]


def test_dropping_the_iterator_ends_the_threads():
    it = iter(data.DataLoader(Squares(100), 1, num_workers=2))
    next(it)
    assert len(data_threads()) == 2
    del it
    gc.collect()
    assert wait_until(lambda: not data_threads())


def test_worker_init_and_info():
    seen = {}

    def init(number):
        info = data.get_worker_info()
        seen[number] = (info.num_workers, info.seed, threading.current_thread().name)

    loader = data.DataLoader(Squares(8), 2, num_workers=2, worker_init_fn=init)
    list(loader)
    assert sorted(seen) == [0, 1]
    assert seen[0][0] == 2
    assert seen[1][1] == seen[0][1] + 1
    assert data.get_worker_info() is None

    def fail(number):
        raise ValueError("no such file")

    with pytest.raises(ValueError, match="no such file"):
        list(data.DataLoader(Squares(8), 2, num_workers=1, worker_init_fn=fail))


def test_timeout():
    release = threading.Event()

    class Stuck(Squares):
        def __getitem__(self, index):
            release.wait(5)
            return index

    it = iter(data.DataLoader(Stuck(2), 1, num_workers=1, timeout=0.05))
    with pytest.raises(RuntimeError, match=r"timed out after 0\.05 seconds"):
        next(it)
    release.set()
    assert wait_until(lambda: not data_threads())


# ---- the loader: arguments --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only"),
        ({"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor option should be positive"),
        ({"persistent_workers": True}, "persistent_workers option needs"),
        ({"shuffle": True, "sampler": [0]}, "sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 2.0}, "batch_size=2.0"),
    ],
)
def test_loader_argument_errors(settings, text):
    with pytest.raises(ValueError, match=text):
        data.DataLoader(Squares(), **settings)


@pytest.mark.parametrize("name", ["shuffle", "sampler", "batch_sampler"])
def test_streams_take_no_order(name):
    with pytest.raises(ValueError, match=f"expected unspecified {name} option"):
        data.DataLoader(Stream(), **{name: [0]})


def test_loader_attributes_are_fixed():
    loader = data.DataLoader(Squares(), 2, pin_memory=True, multiprocessing_context="fork")
    with pytest.raises(ValueError, match="batch_size attribute should not be set"):
        loader.batch_size = 3


def test_utils_data_is_the_same():
    import steep.utils.data as other

    assert other.DataLoader is data.DataLoader
    assert steep.utils.data is other


# ---- scalers ----------------------------------------------------------------------------------


def table():
    x = np.random.default_rng(0).standard_normal((40, 3)) * [1, 100, 0] + [0, 5, 0.1]
    return x, steep.tensor(x.tolist(), dtype=steep.float64)


def test_standard_scaler():
    x, t = table()
    scaler = data.StandardScaler()
    out = np.asarray(scaler.fit_transform(t).tolist())
    expected = (x - x.mean(0)) / np.where(x.std(0) > 1e-12, x.std(0), 1)
    np.testing.assert_allclose(out, expected, atol=1e-12)
    assert (out[:, 2] == 0).all()
    back = np.asarray(scaler.inverse_transform(steep.tensor(out.tolist()).double()).tolist())
    np.testing.assert_allclose(back, x, rtol=1e-5)


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-1.0, 3.0)])
def test_min_max_scaler(ends):
    x, t = table()
    scaler = data.MinMaxScaler(ends).fit(t)
    out = np.asarray(scaler.transform(t).tolist())
    extent = np.where(np.ptp(x, 0) > 0, np.ptp(x, 0), 1)
    expected = (x - x.min(0)) / extent * (ends[1] - ends[0]) + ends[0]
    np.testing.assert_allclose(out, expected, atol=1e-12)
    back = np.asarray(scaler.inverse_transform(scaler.transform(t)).tolist())
    np.testing.assert_allclose(back, x, rtol=1e-12, atol=1e-12)


def test_scalers_apply_in_the_inputs_dtype():
    scaler = data.StandardScaler().fit(steep.tensor([[1], [3]]))
    assert scaler.transform(steep.tensor([[5]])).dtype == steep.float32
    assert scaler.transform(steep.tensor([[5.0]])).dtype == steep.float32
    assert scaler.transform(steep.tensor([[5.0]], dtype=steep.float64)).dtype == steep.float64
    assert scaler.mean.dtype == steep.float64


def test_scaler_state():
    _, t = table()
    scaler = data.MinMaxScaler().fit(t)
    other = data.MinMaxScaler()
    assert other.state_dict() == {}
    other.load_state_dict(scaler.state_dict())
    assert other.transform(t).tolist() == scaler.transform(t).tolist()
    with pytest.raises(KeyError, match="expected keys"):
        other.load_state_dict({"mean": t})


def test_scaler_errors():
    _, t = table()
    with pytest.raises(RuntimeError, match="StandardScaler is not fitted yet"):
        data.StandardScaler().transform(t)
    scaler = data.StandardScaler().fit(t)
    with pytest.raises(ValueError, match=r"columns of shape \(3,\), as fitted, got \(2,\)"):
        scaler.transform(t[:, :2])
    with pytest.raises(ValueError, match="1 that are nan"):
        data.MinMaxScaler().fit(steep.tensor([[1.0], [float("nan")]]))
    with pytest.raises(ValueError, match="at least one row"):
        data.MinMaxScaler().fit(steep.zeros(0, 2))
    with pytest.raises(ValueError, match="min < max"):
        data.MinMaxScaler((1, 1))
    with pytest.raises(TypeError, match="expected a Tensor, got list"):
        data.StandardScaler().fit([[1.0]])


@pytest.mark.parametrize("dtype", [steep.float32, steep.float64])
def test_a_datasets_scaler_gives_the_same_bits_on_every_path(dtype):
    _, t = table()
    x, y = t.to(dtype), steep.arange(40)
    scaler = data.StandardScaler().fit(x[:20])
    whole = scaler.transform(x)
    dataset = data.Subset(data.TensorDataset(x, y, scaler=scaler), list(range(10, 40)))
    for rows, labels in data.DataLoader(dataset, 7, shuffle=True):
        assert rows.tolist() == whole[labels].tolist()
    assert dataset[0][0].tolist() == whole[10].tolist()


def test_one_hot():
    assert data.one_hot(steep.tensor([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]


# ---- the gather kernel ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("shape", [(10,), (10, 3), (10, 2, 4), (10, 0), (10, 1)])
def test_gather_from_any_layout(dtype, shape):
    rng = np.random.default_rng(0)
    x = (rng.random(shape) * 100).astype(dtype)
    layouts = [x, x[::-1], np.asfortranarray(x), np.repeat(x, 2, 0)[::2], x[2:], x[..., ::-1]]
    for source in layouts:
        n = len(source)
        for index in (rng.integers(0, n, 7), np.arange(n), np.arange(2 * n)[::-2] // 2):
            out = np.empty((len(index), *shape[1:]), dtype)
            _pipeline.gather(source, index, 0, len(index), out)
            assert np.array_equal(out, source[index])
            out = np.empty((2, *shape[1:]), dtype)
            _pipeline.gather(source, index, 1, 3, out)
            assert np.array_equal(out, source[index[1:3]])


def test_gather_affine_rounds_twice():
    rng = np.random.default_rng(0)
    x = rng.random((50, 6), dtype=np.float32)
    shift, scale = x.mean(0), 1 / x.std(0)
    index = rng.permutation(50)
    out = np.empty((50, 6), np.float32)
    _pipeline.gather_affine(x, index, 0, 50, out, shift, scale)
    assert np.array_equal(out, (x[index] - shift) * scale)


X = np.arange(12, dtype=np.float32).reshape(4, 3)
TWO = np.array([0, 1])


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ((X, np.array([0, 4]), 0, 2), IndexError, "index 4 at position 1 is out of range"),
        ((X, np.array([-1, 0]), 0, 2), IndexError, "index -1 at position 0"),
        ((X, TWO, 0, 3), IndexError, "start <= stop <= 2"),
        ((X, TWO.astype(np.int32), 0, 2), TypeError, "1-d int64 index"),
        ((X, TWO[None], 0, 2), TypeError, "1-d int64 index"),
        ((np.float32(1), TWO, 0, 2), ValueError, "source of 1 to 32 dimensions"),
        ((X.astype("f8"), TWO, 0, 2), ValueError, "format 'd'"),
        ((X[:, :2], TWO, 0, 2), ValueError, "expected out of shape"),
    ],
)
def test_gather_errors_write_nothing(arguments, kind, text):
    out = np.full((2, 3), 7, np.float32)
    with pytest.raises(kind, match=text):
        _pipeline.gather(*arguments, out)
    assert (out == 7).all()


def test_gather_output_has_to_be_writable_and_contiguous():
    with pytest.raises(BufferError):
        _pipeline.gather(X, TWO, 0, 2, bytes(24))
    with pytest.raises(ValueError, match="contiguous"):
        _pipeline.gather(X, TWO, 0, 2, np.zeros((3, 2), np.float32).T)
    out = np.empty((2, 3), np.float32)
    with pytest.raises(ValueError, match="shift to be float32 with 3 elements"):
        _pipeline.gather_affine(X, TWO, 0, 2, out, X[0, :2], X[0])


def test_gather_takes_any_buffer():
    out = array.array("q", [0, 0])
    _pipeline.gather(array.array("q", [5, 6, 7]), array.array("q", [2, 0]), 0, 2, out)
    assert out.tolist() == [7, 5]
