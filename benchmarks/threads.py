"""Print where more threads help a training step, and whether they ever harm it.

    python -m benchmarks.threads [--seconds 0.05] [--threads 2]

A step of width-width-width-10 (ReLU, cross-entropy, Adam) at widths 8 to 512 and batches 1 to 4096,
eager and compiled: the time on one thread over the time on all, measured in turn within one
process, median of pairs. Below 1 the second thread was a loss. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import steep
from steep import nn

WIDTHS = (8, 16, 32, 64, 128, 256, 512)
BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
CLASSES = 10
PAIRS = 5
LOSS = 0.95  # a ratio below this is called a loss; the rest is noise


def training_step(width: int, batch: int, compiled: bool) -> Callable[[], Any]:
    """A step that goes round a few inputs, each with several labels, so that it never converges."""
    steep.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()),
        nn.Linear(width, CLASSES),
    )
    optimizer = steep.optim.Adam(model.parameters())

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    function = steep.compile(step) if compiled else step
    inputs = [steep.rand(batch, width) for _ in range(4)]
    labels = [steep.randint(0, CLASSES, (batch,)) for _ in range(12)]
    batches: Iterator[tuple[Any, Any]] = itertools.cycle(zip(itertools.cycle(inputs), labels))
    return lambda: function(*next(batches))


def seconds_a_call(work: Callable[[], Any], budget: float) -> float:
    """The shortest of a few blocks."""
    started = time.perf_counter()
    work()
    calls = max(1, int(budget / 4 / (time.perf_counter() - started)))
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(calls):
            work()
        best = min(best, (time.perf_counter() - started) / calls)
    return best


def speedup(width: int, batch: int, compiled: bool, threads: int, budget: float) -> float:
    """One thread's time over that of `threads`."""
    works = {}
    for count in (1, threads):  # a program is planned for the threads there are
        steep.set_num_threads(count)
        works[count] = training_step(width, batch, compiled)
        for _ in range(8):
            works[count]()
    ratios = []
    for _ in range(PAIRS):
        taken = {}
        for count in (1, threads):
            steep.set_num_threads(count)
            taken[count] = seconds_a_call(works[count], budget)
        ratios.append(taken[1] / taken[threads])
    return statistics.median(ratios)


def main() -> None:
    """Print a table for eager steps and one for compiled ones."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.05, help="of a timing")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    losses = 0
    for compiled in (False, True):
        print(f"{'compiled' if compiled else 'eager'}: one thread over {arguments.threads}")
        print("width\\batch" + "".join(f"{batch:>8}" for batch in BATCHES))
        for width in WIDTHS:
            row = [
                speedup(width, batch, compiled, arguments.threads, arguments.seconds)
                for batch in BATCHES
            ]
            losses += sum(ratio < LOSS for ratio in row)
            print(f"{width:>11}" + "".join(f"{ratio:8.2f}" for ratio in row), flush=True)
    print(f"{losses} cells below {LOSS}")


if __name__ == "__main__":
    main()
