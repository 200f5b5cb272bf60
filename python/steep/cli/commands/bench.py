"""Measure this machine's limits, and how close to them steep comes on it.

The limits are the fused multiply-adds that its units can do and the bytes that its memory can
move, both measured by loops that do nothing else. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

EXAMPLE = "steep bench --seconds 0.5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long to measure."""
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="for each line, at least; default: 0.3"
    )


def run(options: argparse.Namespace) -> int:
    """Print a line for each measurement."""
    import steep

    if not 0 < options.seconds <= 60:
        raise ValueError(f"--seconds: expected a number above 0, up to 60, got {options.seconds}")
    level, threads = steep.cpu_level(), steep.get_num_threads()
    print(f"steep {steep.__version__}, kernels for {level}, {threads} threads")
    peak = _peak(options.seconds)
    print(f"{'limit: fused multiply-adds':44s} {peak / 1e9:10.1f} GFLOP/s")
    print(
        f"{'limit: memory, reading and writing':44s} {_bandwidth(options.seconds) / 1e9:10.1f} GB/s"
    )
    for name, flops, make in _JOBS:
        steep.manual_seed(0)
        seconds = fastest(make(steep), options.seconds)
        share = f"{flops / seconds / peak:8.0%} of the limit" if flops else ""
        print(f"{name:44s} {_time(seconds)}{share}")
    return 0


def fastest(work: Callable[[], Any], seconds: float) -> float:
    """Seconds of one call: the best of several runs of as many calls as make a run worth timing."""
    for _ in range(3):  # a compiled step is recorded meanwhile
        work()
    count, end, best = 1, time.perf_counter() + seconds, float("inf")
    while time.perf_counter() < end or best == float("inf"):
        started = time.perf_counter()
        for _ in range(count):
            work()
        spent = time.perf_counter() - started
        best = min(best, spent / count)
        if spent < seconds / 20:
            count *= 2
    return best


def _time(seconds: float) -> str:
    for unit, factor in (("us", 1e6), ("ms", 1e3)):
        if seconds * factor < 1000:
            return f"{seconds * factor:10.2f} {unit}"
    return f"{seconds:10.2f} s "


def _peak(seconds: float) -> float:
    from steep import _core

    rounds = 1_000_000
    done = _core.fma_peak(rounds)[0].item()
    return float(done / fastest(lambda: _core.fma_peak(rounds), seconds))


def _bandwidth(seconds: float) -> float:
    """Bytes a second of a pass that reads two large arrays and writes a third."""
    import steep
    from steep import _core

    count = 10_000_000 // 64 * 64
    arrays = [steep.zeros(count) for _ in range(3)]
    return 12 * count / fastest(lambda: _core.stream_peak(arrays, 0, 1, 1), seconds)


def _step_of(
    widths: list[int], batch: int, activation: str, classes: bool
) -> Callable[[Any], Callable[[], Any]]:
    """A compiled training step of a multi-layer perceptron with Adam."""

    def make(steep: Any) -> Callable[[], Any]:
        from steep.models import mlp

        nn = steep.nn
        net = mlp(widths[0], widths[1:-1], widths[-1], activation=getattr(nn, activation))
        optimizer = steep.optim.Adam(net.parameters())
        x = steep.randn(batch, widths[0])
        y = steep.zeros(batch, dtype=steep.int64) if classes else steep.zeros(batch, widths[-1])
        loss = nn.CrossEntropyLoss() if classes else nn.MSELoss()

        def step(x: Any, y: Any) -> None:
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()

        compiled = steep.compile(step)
        return lambda: compiled(x, y)

    return make


def _product(n: int) -> Callable[[Any], Callable[[], Any]]:
    def make(steep: Any) -> Callable[[], Any]:
        a, b = steep.randn(n, n), steep.randn(n, n)
        return lambda: a @ b

    return make


def _add(n: int) -> Callable[[Any], Callable[[], Any]]:
    def make(steep: Any) -> Callable[[], Any]:
        a, b = steep.randn(n), steep.randn(n)
        return lambda: a + b

    return make


def _flops(widths: list[int], batch: int) -> float:
    """Of forward and backward products; the first layer needs no gradient of its input."""
    sizes = [a * b for a, b in pairwise(widths)]
    return 2.0 * batch * (3 * sum(sizes) - sizes[0])


_SMALL, _DIGITS, _IMAGES = [4, 64, 64, 2], [64, 128, 128, 10], [784, 512, 512, 10]
_JOBS: list[tuple[str, float, Callable[[Any], Callable[[], Any]]]] = [
    ("add, 4 elements", 0.0, _add(4)),
    ("add, ten million elements", 0.0, _add(10_000_000)),
    ("matrix product, 512 x 512", 2 * 512.0**3, _product(512)),
    ("matrix product, 2048 x 2048", 2 * 2048.0**3, _product(2048)),
    ("step 4-64-64-2, tanh, batch 1", _flops(_SMALL, 1), _step_of(_SMALL, 1, "Tanh", False)),
    ("step 4-64-64-2, tanh, batch 64", _flops(_SMALL, 64), _step_of(_SMALL, 64, "Tanh", False)),
    ("step 64-128-128-10, batch 32", _flops(_DIGITS, 32), _step_of(_DIGITS, 32, "ReLU", True)),
    ("step 784-512-512-10, batch 128", _flops(_IMAGES, 128), _step_of(_IMAGES, 128, "ReLU", True)),
]
