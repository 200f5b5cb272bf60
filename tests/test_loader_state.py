"""Loaders: `state_dict` in the middle of an epoch, and the rest of it by another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steep
from steep import data

SIZE = 11


class Numbers(data.Dataset[Any]):
    """0 to 10, with a random number that is drawn when the sample is made."""

    def __init__(self, draws: bool = False) -> None:
        self.draws = draws

    def __len__(self) -> int:
        return SIZE

    def __getitem__(self, i: int) -> Any:
        return (float(i), steep.rand(()).item() if self.draws else 0.0)


class Stream(data.IterableDataset[Any]):
    """The same one after the other."""

    def __iter__(self) -> Iterator[Any]:
        return iter(range(SIZE))


TENSORS = data.TensorDataset(steep.arange(SIZE))
ARRAYS = data.ArrayDataset(list(range(SIZE)), [0.5] * SIZE)


class Batches(data.BatchSampler):
    """One that the loader takes for another's, and iterates over."""

    def __iter__(self) -> Iterator[list[int]]:
        return super().__iter__()


def own() -> steep.Generator:
    """A generator that loader and sampler alone draw from."""
    return steep.Generator().manual_seed(7)


def _with_own(replacement: bool, dataset: Any, **settings: Any) -> Any:
    """The sampler draws in blocks from a generator that the loader has too."""
    generator = own()
    sampler = data.RandomSampler(range(SIZE), replacement, 3 * SIZE, generator)
    return data.DataLoader(dataset, 4, sampler=sampler, generator=generator, **settings)


LOADERS: dict[str, Callable[[], Any]] = {
    "tensors": lambda: data.DataLoader(TENSORS, batch_size=3),
    "shuffled": lambda: data.DataLoader(TENSORS, batch_size=3, shuffle=True, drop_last=True),
    "own": lambda: data.DataLoader(
        TENSORS, batch_size=3, shuffle=True, generator=steep.Generator().manual_seed(7)
    ),
    "samples": lambda: data.DataLoader(Numbers(True), batch_size=3, shuffle=True),
    "single": lambda: data.DataLoader(Numbers(True), batch_size=None, shuffle=True),
    "weighted": lambda: data.DataLoader(
        Numbers(), batch_size=2, sampler=data.WeightedRandomSampler([1.0] * SIZE, 9)
    ),
    "subset": lambda: data.DataLoader(
        data.Subset(TENSORS, range(1, 9)),
        batch_size=2,
        sampler=data.SubsetRandomSampler(range(8), steep.Generator().manual_seed(2)),
    ),
    "replacement": lambda: data.DataLoader(
        TENSORS, batch_size=4, sampler=data.RandomSampler(range(SIZE), True, 75)
    ),
    "replacement of one's own": lambda: _with_own(True, TENSORS),
    "permutations": lambda: _with_own(False, TENSORS),
    "permutations of samples": lambda: _with_own(False, Numbers()),
    "permutations by workers": lambda: _with_own(False, TENSORS, num_workers=2),
    "replacement in lists": lambda: data.DataLoader(
        Numbers(),
        batch_sampler=Batches(data.RandomSampler(range(SIZE), True, 75, own()), 4, False),
    ),
    "weighted, few": lambda: data.DataLoader(
        TENSORS, batch_size=2, sampler=data.WeightedRandomSampler([1.0] * SIZE, 7, False, own())
    ),
    "arrays": lambda: data.DataLoader(ARRAYS, batch_size=3, shuffle=True, drop_last=True),
    "batches": lambda: data.DataLoader(
        Numbers(), batch_sampler=data.BatchSampler(data.RandomSampler(range(SIZE)), 3, False)
    ),
    "lists": lambda: data.DataLoader(Numbers(), batch_sampler=[[0, 1], [5], [3, 4], [9, 10]]),
    "stream": lambda: data.DataLoader(Stream(), batch_size=2),
    "workers": lambda: data.DataLoader(TENSORS, batch_size=3, shuffle=True, num_workers=2),
    "samples by workers": lambda: data.DataLoader(
        Numbers(), batch_size=2, shuffle=True, num_workers=3
    ),
    "stream by a worker": lambda: data.DataLoader(Stream(), batch_size=2, num_workers=1),
}


def plain(batch: Any) -> Any:
    """A batch as lists."""
    return [x.tolist() if isinstance(x, steep.Tensor) else x for x in batch]


def batches(loader: Any) -> Iterator[Any]:
    """Batches of one epoch after the other, with what else is drawn beside them."""
    while True:
        for batch in loader:
            yield plain(batch), steep.rand(()).item()


@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize("name", LOADERS)
def test_another_loader_goes_on(name: str, at: int) -> None:
    """Over several epochs; at 0 to 3, or more, batches in one."""
    steep.manual_seed(0)
    expected = list(itertools.islice(batches(LOADERS[name]()), 14))
    steep.manual_seed(0)
    loader = LOADERS[name]()
    first = list(itertools.islice(batches(loader), at))
    state, stream = loader.state_dict(), steep.get_rng_state()
    steep.manual_seed(99)
    other = LOADERS[name]()
    other.load_state_dict(state)
    steep.set_rng_state(stream)
    again = other.state_dict()
    assert {k: v for k, v in again.items() if k == "taken"} == {"taken": state["taken"]}
    assert first + list(itertools.islice(batches(other), 14 - at)) == expected


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize(("before", "after"), [(0, 2), (2, 0), (1, 3)])
def test_another_number_of_workers_goes_on_too(replacement: bool, before: int, after: int) -> None:
    """Workers have the order drawn ahead: the generator is further on than the batches are."""
    expected = list(map(plain, _with_own(replacement, TENSORS)))
    loader = _with_own(replacement, TENSORS, num_workers=before)
    first = [plain(batch) for batch in itertools.islice(loader, 3)]
    other = _with_own(replacement, TENSORS, num_workers=after)
    other.load_state_dict(loader.state_dict())
    assert first + list(map(plain, other)) == expected


@pytest.mark.parametrize("name", LOADERS)
def test_between_epochs_there_is_no_place(name: str) -> None:
    loader = LOADERS[name]()
    assert loader.state_dict()["taken"] is None
    count = len(list(loader))
    assert count > 2
    state, stream = loader.state_dict(), steep.get_rng_state()
    assert state["taken"] is None
    rest = [plain(batch) for batch in loader]
    other = LOADERS[name]()
    other.load_state_dict(state)
    steep.set_rng_state(stream)
    assert [plain(batch) for batch in other] == rest


def test_a_sample_that_raises_is_left_out_by_both() -> None:
    class Broken(Numbers):
        def __getitem__(self, i: int) -> Any:
            if i == 3:
                raise ValueError("no sample")
            return i

    for workers in (0, 1):
        loader = data.DataLoader(Broken(), num_workers=workers)
        iterator = iter(loader)
        for _ in range(3):
            next(iterator)
        with pytest.raises(ValueError, match="no sample"):
            next(iterator)
        assert loader.state_dict()["taken"] == 4
        other = data.DataLoader(Broken(), num_workers=workers)
        other.load_state_dict(loader.state_dict())
        assert [x.item() for x in other] == list(range(4, SIZE))


def test_samples_before_the_place_are_not_made() -> None:
    made = []

    class Told(Numbers):
        def __getitem__(self, i: int) -> Any:
            made.append(i)
            return i

    loader = data.DataLoader(Told(), batch_size=4)
    next(iter(loader))
    other = data.DataLoader(Told(), batch_size=4)
    other.load_state_dict(loader.state_dict())
    made.clear()
    assert len(list(other)) == 2
    assert made == list(range(4, SIZE))
    assert len(list(other)) == 3  # the next epoch is a whole one


def test_states_of_other_loaders_are_refused() -> None:
    loader = LOADERS["tensors"]()
    next(iter(loader))
    state = loader.state_dict()
    with pytest.raises(ValueError, match="expected batch_size=4 of the middle of an epoch, got 3"):
        data.DataLoader(TENSORS, batch_size=4).load_state_dict(state)
    with pytest.raises(ValueError, match="expected samples=8 of the middle of an epoch, got 11"):
        data.DataLoader(data.Subset(TENSORS, range(8)), batch_size=3).load_state_dict(state)
    with pytest.raises(ValueError, match="expected states of 1 generators"):
        LOADERS["own"]().load_state_dict(state)
    assert len(list(loader)) == 4
    data.DataLoader(TENSORS, batch_size=4).load_state_dict(loader.state_dict())


def test_workers_that_persist_are_seeded_once_as_in_pytorch() -> None:
    def loader() -> data.DataLoader[Any]:
        return data.DataLoader(
            range(4), batch_size=2, shuffle=True, num_workers=2, persistent_workers=True
        )

    steep.manual_seed(0)
    batches, seen, drawn = loader(), [], []
    for _ in range(3):
        seen.append([batch.tolist() for batch in batches])
        drawn.append(round(steep.rand(1).item(), 5))
    assert seen == [[[2, 1], [3, 0]], [[0, 3], [2, 1]], [[2, 1], [3, 0]]]  # PyTorch's
    assert drawn == [0.30742, 0.89644, 0.34889]


@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_a_loader_of_persistent_workers_goes_on_where_it_was(epochs: int) -> None:
    def loader() -> data.DataLoader[Any]:
        return data.DataLoader(
            range(8), batch_size=2, shuffle=True, num_workers=2, persistent_workers=True
        )

    first = loader()
    for _ in range(epochs):
        list(first)
    batches = iter(first)
    next(batches)
    state, stream = first.state_dict(), steep.get_rng_state()
    rest = [batch.tolist() for batch in batches]
    after = [batch.tolist() for batch in first]
    steep.manual_seed(1)
    second = loader()
    second.load_state_dict(state)
    steep.set_rng_state(stream)
    assert [batch.tolist() for batch in second] == rest
    assert [batch.tolist() for batch in second] == after
