"""Threads that work at the same time on models of their own, on shared parameters, and on what the
process has once: random streams, the team, the profiler, the compiler, forks.

Each finds the bits that it finds alone. The builds of tools/sanitize.py look on.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from steep import nn

F = nn.functional
WORKERS = 4


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Runs each in a thread of its own, all starting at once; their results."""
    results: list[Any] = [None] * len(functions)
    errors: list[BaseException] = []
    gate = threading.Barrier(len(functions))

    def run(at: int) -> None:
        try:
            gate.wait(300)
            results[at] = functions[at]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive(), "a thread hangs"
    for error in errors:
        raise error
    return results


def network(seed: int, width: int) -> Any:
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(12, width), nn.Tanh(), nn.LayerNorm(width), nn.Linear(width, 3))
    with steep.no_grad():
        for p in model.parameters():
            p.copy_(steep.from_numpy(rng.normal(size=tuple(p.shape)).astype(np.float32) * 0.2))
    return model


def trained(seed: int, *, compiled: bool = False, width: int = 16, steps: int = 12) -> list[bytes]:
    """The parameters after a few steps."""
    rng = np.random.default_rng(seed)
    model = network(seed, width)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    function = steep.compile(step) if compiled else step
    for _ in range(steps):
        x = steep.from_numpy(rng.normal(size=(32, 12)).astype(np.float32))
        function(x, steep.from_numpy(rng.integers(0, 3, 32)))
    return [p.detach().numpy().tobytes() for p in model.parameters()]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("width", [16, 300])
def test_models_of_their_own(compiled: bool, width: int) -> None:
    steep.set_num_threads(2)

    def work(seed: int) -> Callable[[], list[bytes]]:
        return lambda: trained(seed, compiled=compiled, width=width)

    alone = [work(seed)() for seed in range(WORKERS)]
    assert together(*(work(seed) for seed in range(WORKERS))) == alone


def test_parameters_that_all_read() -> None:
    model = network(0, 64)
    params = list(model.parameters())

    def gradients(seed: int) -> list[bytes]:
        rng = np.random.default_rng(seed)
        found = []
        for _ in range(8):
            x = steep.from_numpy(rng.normal(size=(16, 12)).astype(np.float32))
            grads = steep.autograd.grad((model(x) ** 2).mean(), params)
            found += [g.numpy().tobytes() for g in grads]
        return found

    alone = [gradients(seed) for seed in range(WORKERS)]
    assert together(*(lambda s=s: gradients(s) for s in range(WORKERS))) == alone


def test_gradients_that_all_add_to() -> None:
    """Whole numbers, so that the sum does not depend on who came first."""
    weight = steep.ones(50, requires_grad=True)

    def add() -> None:
        for _ in range(40):
            (weight * 2).sum().backward()

    together(*[add] * WORKERS)
    assert weight.grad is not None
    np.testing.assert_array_equal(weight.grad.numpy(), np.full(50, 2.0 * 40 * WORKERS, np.float32))


def test_one_stream_is_drawn_by_all_and_own_streams_by_each() -> None:
    def own(seed: int) -> list[float]:
        generator = steep.Generator().manual_seed(seed)
        return [float(steep.rand(3, generator=generator).sum()) for _ in range(50)]

    def shared() -> list[float]:
        return [steep.rand(1).item() for _ in range(200)]

    steep.manual_seed(0)
    expected = sorted(shared() + shared())
    alone = [own(1), own(2)]
    steep.manual_seed(0)
    first, second, *others = together(shared, shared, lambda: own(1), lambda: own(2))
    assert others == alone
    assert sorted(first + second) == expected  # each number drawn once, by the one or the other


def test_loaders_in_all_threads() -> None:
    x = steep.arange(60).view(30, 2)
    dataset = steep.data.TensorDataset(x, x.sum(1))

    def visit(workers: int) -> int:
        total = 0
        for _ in range(3):
            loader = steep.data.DataLoader(dataset, 4, shuffle=True, num_workers=workers)
            total += sum(int(b.sum()) + int(s.sum()) for b, s in loader)
        return total

    expected = 3 * 2 * int(x.sum())
    assert together(*(lambda n=n: visit(n) for n in (0, 1, 2, 3))) == [expected] * 4


def test_settings_that_change_meanwhile() -> None:
    alone = [trained(seed, width=300) for seed in range(2)]
    stop = threading.Event()

    def until_stopped(act: Callable[[int], None]) -> Callable[[], None]:
        def run() -> None:
            count = 0
            while not stop.is_set():
                act(count)
                count += 1
                time.sleep(0.001)

        return run

    def profile(count: int) -> None:
        with steep.profiler.profile() as found:
            steep.ones(4).exp()
        assert found.key_averages() is not None

    def measure(count: int) -> None:
        steep.memory_stats()
        if count % 10 == 0:
            steep.empty_cache()

    def work() -> list[Any]:
        try:
            return [trained(seed, width=300) for seed in range(2)]
        finally:
            stop.set()

    found, *_ = together(
        work,
        until_stopped(lambda count: steep.set_num_threads(1 + count % 3)),
        until_stopped(profile),
        until_stopped(measure),
    )
    assert found == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forks_while_others_work() -> None:
    """A child finds no lock that a thread of the parent held when it was made."""
    expected = trained(0)
    stop = threading.Event()

    def draw() -> None:
        while not stop.is_set():
            steep.randn(100)
            steep.rand(100, 30).sum()

    def fork() -> list[int]:
        codes = []
        try:
            for _ in range(10):
                child = os.fork()
                if child == 0:
                    os._exit(0 if child_works(expected) else 1)
                codes.append(ended(child))
        finally:
            stop.set()
        return codes

    _, _, codes = together(draw, lambda: trained(3, steps=30), fork)
    assert codes == [0] * 10


def child_works(expected: list[bytes]) -> bool:
    """What a child does: draws, trains, compiles."""
    steep.rand(3)
    steep.manual_seed(1)
    return trained(0) == expected and trained(0, compiled=True) == expected


def ended(child: int, seconds: float = 300) -> int:
    """The child's exit status; one that hangs is killed, and -1."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1
