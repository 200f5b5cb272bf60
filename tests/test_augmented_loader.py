"""Loaders that augment: what chance depends on, which batches it takes, and the check of values."""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import steep
from steep import data

SIZE = 23
RNG = np.random.default_rng(0)
X = (RNG.random((SIZE, 2, 6, 6)) * 255).astype(np.uint8)
Y = np.arange(SIZE) % 3
ARRAYS = data.ArrayDataset(X, Y)
AUGMENT = [
    data.ToFloat(),
    data.RandomShift(1),
    data.RandomFlip(),
    data.MixUp(num_classes=3),
    data.GaussianNoise(0.1),
    data.CutMix(),
    data.RandomErasing(),
]


class Samples(data.Dataset[Any]):
    """The same samples, made one by one."""

    def __len__(self) -> int:
        return SIZE

    def __getitem__(self, index: int) -> Any:
        return X[index], Y[index]


class Stream(data.IterableDataset[Any]):
    """The same, one after the other."""

    def __iter__(self) -> Iterator[Any]:
        return iter(zip(X, Y, strict=True))


def own(seed: int = 7) -> steep.Generator:
    return steep.Generator().manual_seed(seed)


def loader(dataset: Any = ARRAYS, size: int = 4, **settings: Any) -> Any:
    return data.DataLoader(dataset, size, **{"augment": AUGMENT, **settings})


def bits(batch: Any) -> Any:
    return [field.numpy().tobytes() for field in batch]


SETTINGS: dict[str, Callable[[], dict[str, Any]]] = {
    "in order": lambda: {"generator": own()},
    "shuffled": lambda: {"shuffle": True},
    "shuffled by its own": lambda: {"shuffle": True, "generator": own(), "drop_last": True},
    "replacement": lambda: {"sampler": data.RandomSampler(ARRAYS, True, 37)},
    "replacement by its own": lambda: {"sampler": data.RandomSampler(ARRAYS, True, 75, own())},
    "permutations": lambda: {"sampler": data.RandomSampler(ARRAYS, False, 60, own())},
    "weighted": lambda: {"sampler": data.WeightedRandomSampler([1.0, 2.0] * 11, 18)},
    "few by weight": lambda: {
        "sampler": data.WeightedRandomSampler([1.0, 2.0] * 11, 18, False, own())
    },
    "subset": lambda: {"sampler": data.SubsetRandomSampler(range(3, 20), own())},
    "part": lambda: {"dataset": data.Subset(ARRAYS, range(20, 2, -1)), "shuffle": True},
    "lists": lambda: {"batch_sampler": [[0, 1], [2, 3, 4], [22], [7, 7]], "size": 1},
    "samples": lambda: {"dataset": Samples(), "shuffle": True},
    "stream": lambda: {"dataset": Stream()},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("workers", [0, 2])
def test_another_loader_goes_on_with_the_same_bits(name: str, workers: int) -> None:
    if name == "stream" and workers:
        workers = 1  # each would read the whole
    settings = SETTINGS[name]

    def made() -> Any:
        return loader(**settings(), num_workers=workers)

    def epochs(one: Any) -> Iterator[Any]:
        while True:
            yield from map(bits, one)

    steep.manual_seed(0)
    expected = list(itertools.islice(epochs(made()), 16))
    assert len({batch[0] for batch in expected}) == 16
    for at in (1, 3, 6):
        steep.manual_seed(0)
        one = made()
        first = list(itertools.islice(epochs(one), at))
        state, stream = one.state_dict(), steep.get_rng_state()
        steep.manual_seed(99)
        other = made()
        other.load_state_dict(state)
        steep.set_rng_state(stream)
        assert first + list(itertools.islice(epochs(other), 16 - at)) == expected


@pytest.mark.parametrize("dataset", [ARRAYS, Samples(), data.Subset(ARRAYS, range(SIZE))])
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_bits_depend_on_no_thread_nor_on_the_way_there(dataset: Any, workers: int) -> None:
    steep.manual_seed(3)
    expected = [bits(batch) for batch in loader(shuffle=True)]
    steep.manual_seed(3)
    assert [bits(b) for b in loader(dataset, shuffle=True, num_workers=workers)] == expected


def test_augmentation_leaves_the_order_as_it_is() -> None:
    """PyTorch's, which a draw more would change."""
    steep.manual_seed(3)
    plain = [y.tolist() for _, y in data.DataLoader(ARRAYS, 4, shuffle=True)]
    after = steep.rand(2).tolist()
    steep.manual_seed(3)
    augmented = [y.tolist() for _, y in loader(shuffle=True, augment=AUGMENT[:3])]
    assert augmented == plain
    assert steep.rand(2).tolist() == after


def test_epochs_batches_and_places_differ() -> None:
    same = data.ArrayDataset(np.zeros((8, 500), np.float32))
    noisy = loader(same, augment=data.GaussianNoise(1.0), generator=own())
    rows = [row.numpy() for _ in range(2) for (x,) in noisy for row in x]
    assert len(rows) == 16
    assert np.abs(np.corrcoef(rows) - np.eye(16)).max() < 0.2


def test_labels_follow_their_images() -> None:
    """One pass over a mapped row is the row that the label belongs to, whatever the order."""
    x = np.repeat(np.arange(SIZE, dtype=np.float32), 12).reshape(SIZE, 1, 3, 4)
    found = []
    for image, label in loader(
        data.ArrayDataset(x, np.arange(SIZE)),
        shuffle=True,
        num_workers=2,
        augment=[data.RandomFlip(), data.RandomCrop(2), data.Normalize(1.0, 2.0)],
    ):
        assert tuple(image.shape[1:]) == (1, 2, 2)
        assert ((image[:, 0, 0, 0] * 2) + 1).tolist() == label.tolist()
        found += label.tolist()
    assert sorted(found) == list(range(SIZE))


Pair = namedtuple("Pair", ["image", "label"])


@pytest.mark.parametrize(
    ("collate", "kind"),
    [
        (lambda samples: data.default_collate([x for x, _ in samples]), steep.Tensor),
        (lambda samples: tuple(data.default_collate(samples)), tuple),
        (lambda samples: Pair(*data.default_collate(samples)), Pair),
        (lambda samples: dict(zip("xy", data.default_collate(samples), strict=True)), dict),
        (lambda samples: [*data.default_collate(samples), "more"], list),
    ],
)
def test_batches_of_every_form_keep_it(collate: Any, kind: type) -> None:
    batch = next(iter(loader(collate_fn=collate, augment=data.ToFloat())))
    assert type(batch) is kind
    x = batch if kind is steep.Tensor else batch["x"] if kind is dict else batch[0]
    np.testing.assert_array_equal(x.numpy(), X[:4].astype(np.float32) * np.float32(1 / 255))
    if kind is list:
        assert batch[2] == "more"


def test_named_arrays_are_augmented_by_their_place() -> None:
    dataset = data.ArrayDataset(image=X, label=Y, number=np.arange(SIZE))
    batch = next(iter(loader(dataset)))
    assert list(batch) == ["image", "label", "number"]
    assert batch["image"].dtype == batch["label"].dtype == steep.float32
    assert tuple(batch["label"].shape) == (4, 3)
    assert batch["number"].tolist() == [0, 1, 2, 3]


def test_a_scaler_and_other_kinds_of_numbers_come_first() -> None:
    x = steep.rand(9, 3)
    scaler = data.StandardScaler().fit(x)
    flip = data.RandomFlip(1.0)
    ((out,),) = loader(data.TensorDataset(x, scaler=scaler), 9, augment=flip)
    assert out.tolist() == scaler.transform(x).flip(-1).tolist()
    half = np.arange(12, dtype=np.float16).reshape(4, 3)
    ((out,),) = loader(data.ArrayDataset(half), 4, augment=flip)
    np.testing.assert_array_equal(out.numpy(), half[:, ::-1])


def test_gradients_end_at_an_augmentation() -> None:
    x = steep.rand(4, 3, requires_grad=True)
    ((out,),) = loader(data.TensorDataset(x), augment=data.RandomFlip(1.0))
    assert not out.requires_grad
    assert out.tolist() == x.flip(-1).tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_name_what_does_not_fit(workers: int) -> None:
    table = data.ArrayDataset(np.ones((9, 4)))
    with pytest.raises(ValueError, match=r"RandomShift: expected images.*got an array \(N, 4\)"):
        list(loader(table, augment=data.RandomShift(1), num_workers=workers))
    words = data.DataLoader(["a", "b"], 2, augment=data.ToFloat(), num_workers=workers)
    with pytest.raises(TypeError, match="a tensor of inputs first, to be augmented, got"):
        list(words)
    with pytest.raises(TypeError, match="got ToFloat at place 0"):
        loader(augment=data.ToFloat)
    with pytest.raises(ValueError, match="augment and check_finite expect batches"):
        loader(size=None)
    with pytest.raises(ValueError, match="MixUp: expected targets"):
        next(iter(loader(data.ArrayDataset(X), num_workers=workers)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("augment", [None, data.GaussianNoise()])
def test_values_are_checked_when_that_is_asked_for(value: float, kind: Any, augment: Any) -> None:
    x = np.zeros((9, 3), kind)
    x[4, 1] = value
    order = [0, 8, 3, 4, 5]
    for dataset in (data.ArrayDataset(Y[:9], x), list(zip(Y[:9], x, strict=True))):
        settings: dict[str, Any] = {"sampler": order, "augment": augment}
        assert len(list(loader(dataset, 2, **settings))) == 3
        batches = iter(loader(dataset, 2, check_finite=True, **settings))
        next(batches)
        with pytest.raises(ValueError, match=r"field 1 of row 1 of batch 1, sample 4 of the data"):
            next(batches)
        assert next(batches)[0].tolist() == [Y[5]] or augment is not None


def test_checked_batches_are_those_that_are_not() -> None:
    steep.manual_seed(0)
    expected = [bits(batch) for batch in loader(shuffle=True)]
    steep.manual_seed(0)
    assert [bits(batch) for batch in loader(shuffle=True, check_finite=True)] == expected
    with pytest.raises(ValueError, match=r"field 0 of row 2 of batch 0; drop"):
        list(data.DataLoader(Broken(), 4, check_finite=True))


class Broken(data.IterableDataset[Any]):
    """The third number is none."""

    def __iter__(self) -> Iterator[float]:
        return iter([0.0, 1.0, float("nan"), 3.0])
