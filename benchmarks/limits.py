"""What the machine can do: fused multiply-adds a second, and bytes a second of an array's size.

Both are the best of a few blocks. They say how far a job is from the machine's limit, which is
the longer of its operations at the peak and its bytes at the bandwidth (see `workloads.Cost`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from benchmarks.workloads import FLOAT

PEAK_ROUNDS = 10_000_000
BLOCKS = 5  # of which the best counts
BYTES_A_BLOCK = 100_000_000  # passed over by all threads together
LEAST_ELEMENTS = 8192  # of one thread: less would show what a row costs, not its bytes

Share = Callable[[], object]


def flops_a_second(core: Any) -> float:
    """The peak of fused multiply-adds in float32 on the threads that are set."""
    best = 0.0
    for _ in range(BLOCKS):
        started = time.perf_counter()
        done = core.fma_peak(PEAK_ROUNDS)[0].item()
        best = max(best, done / (time.perf_counter() - started))
    return best


def bytes_a_second(footprint: float, threads: int) -> float:
    """The bandwidth over arrays of so many bytes together, cut among threads.

    The better of c = a + b and a += b, each value read or written counted once. The second is
    faster beyond the caches, since a line need not be fetched before it is overwritten; the first
    repeats itself within one call of NumPy, so that short arrays show the caches' bandwidth and
    not the price of a call.
    """
    elements = max(LEAST_ELEMENTS, int(footprint / (FLOAT * threads)))
    repeats = max(1, int(BYTES_A_BLOCK / (FLOAT * elements * threads)))
    return max(
        _best_rate(_add_to_third, elements // 3, repeats, threads),
        _best_rate(_add_in_place, elements // 2, repeats, threads),
    )


def _add_to_third(length: int, repeats: int) -> Share:
    # A first axis without a stride goes over the same memory again.
    a, b, c = (
        as_strided(np.ones(length, np.float32), (repeats, length), (0, FLOAT)) for _ in range(3)
    )
    return lambda: np.add(a, b, out=c, order="C")


def _add_in_place(length: int, repeats: int) -> Share:
    a, b = (np.ones(length, np.float32) for _ in range(2))

    def work() -> None:
        for _ in range(repeats):
            np.add(a, b, out=a)

    return work


def _best_rate(
    pattern: Callable[[int, int], Share], length: int, repeats: int, threads: int
) -> float:
    """Bytes a second of a pattern that reads two arrays and writes one, once on each thread."""
    shares = [pattern(length, repeats) for _ in range(threads)]
    shortest = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(BLOCKS):
            started = time.perf_counter()
            for running in [pool.submit(share) for share in shares]:
                running.result()
            shortest = min(shortest, time.perf_counter() - started)
    return 3 * FLOAT * length * repeats * threads / shortest
