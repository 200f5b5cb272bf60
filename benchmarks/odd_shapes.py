"""Small and odd shapes, drawn at random, beside torch: where steep is slower than it.

    python -m benchmarks.odd_shapes [--draws 300] [--seed 0] [--threads 1] [WORD ...]

Prime channels, images of one pixel, batches of one, kernels as large as the image, strides: every
kind of layer, forward and backward, and operations along each dimension. Both libraries run in this
process, in turn, eagerly; their results are compared first. What seems slower is measured again,
longer. The slowest 30 are listed: the shortest time of each, in microseconds, and their ratio.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.odd_draws import DRAWS, Job

ROUNDS, SECONDS = 5, 0.004  # of each library, in turn
AGAIN = 1.0  # ratios above this one are measured again, with
MORE_ROUNDS, MORE_SECONDS = 25, 0.02
LISTED = 30


def shortest(run: Callable[[], Any], seconds: float) -> float:
    """The time of the quickest of the calls made in so many seconds, at least two."""
    best, end = float("inf"), time.perf_counter() + seconds
    for calls in range(1_000_000):
        start = time.perf_counter()
        run()
        now = time.perf_counter()
        best = min(best, now - start)
        if calls and now > end:
            break
    return best


def in_turn(runs: list[Callable[[], Any]], rounds: int, seconds: float) -> list[float]:
    times = [float("inf")] * len(runs)
    for _ in range(rounds):
        for i, run in enumerate(runs):
            times[i] = min(times[i], shortest(run, seconds))
    return times


def compared(job: Job, libraries: list[ModuleType]) -> list[float]:
    """The shortest time of each library, after their results were found to agree."""
    runs = job.runs(libraries)
    results = [np.asarray(run().detach()) for run in runs]
    np.testing.assert_allclose(results[0], results[1], 3e-3, 3e-3, err_msg=job.name)
    times = in_turn(runs, ROUNDS, SECONDS)
    if times[0] > AGAIN * times[1]:
        times = in_turn(runs, MORE_ROUNDS, MORE_SECONDS)
    return times


def jobs(draws: int, seed: int, words: list[str]) -> list[Job]:
    chance = random.Random(seed)
    kinds = [kind for kind in DRAWS if not words or any(word in kind for word in words)]
    return [DRAWS[kinds[i % len(kinds)]](chance) for i in range(draws)]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("words", nargs="*", help="kinds whose names have one of these in them")
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    libraries = [importlib.import_module(name) for name in ("steep", "torch")]
    for library in libraries:
        library.set_num_threads(given.threads)
    found = []
    for job in jobs(given.draws, given.seed, given.words):
        ours, theirs = compared(job, libraries)
        found.append((ours / theirs, ours * 1e6, theirs * 1e6, job.name))
    found.sort(reverse=True)
    slower = sum(ratio > 1 for ratio, *_ in found)
    print(f"{slower} of {len(found)} take longer than torch; {given.threads} thread(s)")
    print(f"{'ratio':>6}{'steep us':>11}{'torch us':>11}  what")
    for ratio, ours, theirs, name in found[:LISTED]:
        print(f"{ratio:6.2f}{ours:11.1f}{theirs:11.1f}  {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
