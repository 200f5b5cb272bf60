"""Memory: freed blocks are used again, counted, and given back."""

from __future__ import annotations

import gc
import os
import weakref

import numpy as np
import pytest

import steep
from settled import settle, settled
from test_counts import Counting

with_cache = pytest.mark.skipif(
    os.environ.get("STEEP_ALLOC") == "system", reason="the cache is switched off"
)


def stat(name: str) -> int:
    return int(steep.memory_stats()[name])


@with_cache
def test_large_temporaries_come_from_the_cache() -> None:
    """PyTorch pays page faults for every large temporary; here the first one is the last."""
    x = steep.ones(2_000_000)

    def use() -> None:
        y = x + 1
        y = y * 2 + x

    settle()
    use()
    before = stat("system_allocations")
    for _ in range(20):
        use()
    assert stat("system_allocations") == before


@with_cache
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_a_training_step_allocates_nothing_from_the_system(optimizer: str) -> None:
    nn = steep.nn
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    steps = getattr(steep.optim, optimizer)(model.parameters(), lr=1e-3)
    x, y = steep.randn(32, 64), steep.randint(0, 10, (32,))

    def step() -> int:
        with Counting() as count:
            steps.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            steps.step()
        return count["allocations"]

    settle()
    for _ in range(3):
        step()
    system, held = stat("system_allocations"), stat("allocated_bytes")
    allocations = {step() for _ in range(10)}
    assert len(allocations) == 1
    assert stat("system_allocations") == system
    assert stat("allocated_bytes") == held


def test_what_is_counted() -> None:
    before = settled()
    steep.reset_peak_memory_stats()
    x = steep.empty(1000, 1000)
    assert 4_000_000 <= stat("allocated_bytes") - before <= 5_000_000
    y = x.view(-1)
    del x
    assert stat("allocated_bytes") - before >= 4_000_000
    del y
    assert stat("allocated_bytes") == before
    assert stat("peak_allocated_bytes") - before >= 4_000_000
    assert stat("reserved_bytes") >= stat("allocated_bytes")


@with_cache
def test_the_cache_is_given_back() -> None:
    settle()
    x = steep.empty(30_000_000)
    held = stat("reserved_bytes")
    del x
    assert stat("reserved_bytes") == held
    steep.empty_cache()
    assert held - stat("reserved_bytes") >= 120_000_000


def test_nothing_leaks() -> None:
    """A thousand graphs, with errors among them, leave nothing."""
    x = steep.ones(100, requires_grad=True)

    def use() -> None:
        y = (x * 2).exp().sum()
        y.backward()
        with pytest.raises(RuntimeError):
            x + steep.ones(3)
        steep.autograd.grad((x * x).sum(), x, create_graph=True)[0].sum().backward()
        x.grad = None

    use()
    before = settled()
    for _ in range(1000):
        use()
    gc.collect()
    assert stat("allocated_bytes") == before


def test_objects_die_at_once() -> None:
    """Without the collector: a graph is no cycle."""
    gc.disable()
    try:
        x = steep.ones(3, requires_grad=True)
        y = (x * 2).exp()
        z = y.sum()
        links = [weakref.ref(t) for t in (x, y, z)]
        z.backward()
        del x, y, z
        assert [link() for link in links] == [None] * 3
    finally:
        gc.enable()


def test_memory_shared_with_numpy_outlives_either() -> None:
    a = np.arange(6.0)
    x = steep.from_numpy(a)
    a[0] = 9.0
    assert x[0].item() == 9.0
    b = (x * 1).numpy()
    y = steep.from_numpy(b)
    del a, x
    b[1] = -1.0
    gc.collect()
    assert y.tolist() == [9.0, -1.0, 2.0, 3.0, 4.0, 5.0]
    c = y.numpy()
    del b, y
    gc.collect()
    np.testing.assert_array_equal(c, [9.0, -1.0, 2.0, 3.0, 4.0, 5.0])
