"""Samplers: PyTorch's order after the same seed, and epochs longer than memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest

import steep
from steep import data
from steep.data import _spans
from steep.data._draws import draw_seed

WEIGHTS = [0.1, 0.9, 0.4, 3, 0.0, 1.5]
HUGE = 10**10

Make = Callable[[steep.Generator], Iterable[int]]

# torch 2.13: what a sampler with a generator seeded with 3 yields, and what
# randint(0, 1000, (3,)) draws from that generator next.
ORDERS: dict[str, tuple[Make, list[int], list[int]]] = {
    "replacement": (
        lambda g: itertools.islice(data.RandomSampler(range(7), True, HUGE, g), 40),
        [*map(int, "5334062450660662656566502245524125356244")],
        [944, 457, 338],
    ),
    "permutations": (
        lambda g: itertools.islice(data.RandomSampler(range(7), False, HUGE, g), 20),
        [5, 3, 4, 6, 0, 2, 1, 2, 6, 3, 1, 5, 0, 4, 0, 6, 3, 4, 2, 5],
        [840, 884, 356],
    ),
    "subset": (
        lambda g: data.SubsetRandomSampler([3, 5, 8, 1], g),
        [8, 1, 5, 3],
        [667, 360, 280],
    ),
    "one by weight": (
        lambda g: data.WeightedRandomSampler(WEIGHTS, 1, True, g),
        [3],
        [825, 689, 386],
    ),
    "by weight": (
        lambda g: data.WeightedRandomSampler(WEIGHTS, 9, True, g),
        [1, 3, 5, 2, 5, 3, 2, 3, 3],
        [840, 884, 356],
    ),
    "by weight, each once": (
        lambda g: data.WeightedRandomSampler(WEIGHTS, 5, False, g),
        [3, 0, 1, 5, 2],
        [825, 689, 386],
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_order_is_pytorchs(name: str) -> None:
    make, expected, after = ORDERS[name]
    generator = steep.Generator().manual_seed(3)
    assert list(make(generator)) == expected
    assert steep.randint(0, 1000, (3,), generator=generator).tolist() == after


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_longer_than_memory_begins_at_once(
    replacement: bool, own: bool, workers: int
) -> None:
    """Its batches, of a size that no block has, are those of the sampler alone."""
    dataset = data.TensorDataset(steep.arange(7))

    def sampler() -> Any:
        generator = steep.Generator().manual_seed(3) if own else None
        return data.RandomSampler(dataset, replacement, HUGE, generator)

    steep.manual_seed(1)
    draw_seed(None)  # the loader's
    alone = list(itertools.islice(sampler(), 55))
    steep.manual_seed(1)
    loader = data.DataLoader(dataset, 11, sampler=sampler(), num_workers=workers)
    assert len(loader) == -(-HUGE // 11)
    batches = [x.tolist() for (x,) in itertools.islice(loader, 5)]
    assert batches == [alone[i : i + 11] for i in range(0, 55, 11)]


def test_batches_of_a_huge_dataset_in_order_need_no_huge_order() -> None:
    class Huge(data.Dataset[int]):
        def __len__(self) -> int:
            return HUGE

        def __getitem__(self, index: int) -> int:
            return index

    loader = data.DataLoader(Huge(), batch_size=50_000)
    batches = [(x[0].item(), x[-1].item(), len(x)) for x in itertools.islice(loader, 4)]
    assert batches == [(i * 50_000, i * 50_000 + 49_999, 50_000) for i in range(4)]


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("total", [1, 5, 32, 33, 64, 100])
@pytest.mark.parametrize("size", [1, 5, 32, 100, 200])
def test_blocks_and_batches_end_where_they_like(size: int, total: int, drop_last: bool) -> None:
    dataset = data.TensorDataset(steep.arange(7))
    for replacement in (True, False):
        samplers = [
            data.RandomSampler(dataset, replacement, total, steep.Generator().manual_seed(5))
            for _ in range(2)
        ]
        lists = list(data.BatchSampler(samplers[0], size, drop_last))
        loader = data.DataLoader(dataset, size, sampler=samplers[1], drop_last=drop_last)
        assert [x.tolist() for (x,) in loader] == lists
        assert len(loader) == len(lists)


def test_a_draw_that_fails_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an interrupt between two blocks: the generator is set back, and nothing is left out."""
    dataset = data.TensorDataset(steep.arange(7))

    def sampler() -> Any:
        return data.RandomSampler(dataset, True, HUGE, steep.Generator().manual_seed(3))

    batches = iter(data.DataLoader(dataset, 20, sampler=sampler()))
    found = next(batches)[0].tolist()

    def broken(pieces: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_spans, "cat", broken)
        with pytest.raises(KeyboardInterrupt):
            next(batches)
    for _ in range(3):
        found += next(batches)[0].tolist()
    assert found == list(itertools.islice(sampler(), 80))


def test_a_batch_may_be_anything_a_sampler_yields() -> None:
    names = {"a": 1, "b": 2}
    assert [x.tolist() for x in data.DataLoader(names, 2, sampler=["b", "a"])] == [[2, 1]]
    assert list(data.DataLoader(names, None, sampler=["b", "a"])) == [2, 1]
    dataset = data.TensorDataset(steep.arange(5))
    whole = data.DataLoader(dataset, None, sampler=data.BatchSampler(range(5), 2, False))
    assert [x.tolist() for (x,) in whole] == [[0, 1], [2, 3], [4]]


def test_types_take_parameters() -> None:
    for kind in (data.DataLoader, data.Dataset, data.IterableDataset, data.Sampler, data.Subset):
        assert kind[int].__origin__ is kind
