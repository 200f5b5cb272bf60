"""What the machine can do: fused multiply-adds a second, and bytes a second of a mix of streams.

They say how far a job is from the machine's limit, which is the longer of its operations at the
peak and its bytes at the bandwidth (see `workloads.Cost`).

The bandwidth is that of passes which do nothing but move bytes: as many arrays read and written as
the job reads and writes, as large together, in memory from the same allocator, cut among the same
threads in the same way. A job cannot be faster, for it does all that and more. The best of all
passes of a run is the limit, while a job's time is a median: only what the machine does differently
from one moment to the next can bring a share above 100%.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.workloads import FLOAT, Mix

PEAK_ROUNDS = 10_000_000
BLOCKS = 5  # of which the best counts
BYTES_A_BLOCK = 200_000_000  # passed over by all threads together
GRAIN = 64  # elements; arrays are whole numbers of them
LEAST_ELEMENTS = 2048  # of an array and a thread: less would show what a pass costs, not its bytes

# The passes that there are, as arrays updated in place, read alone, and written alone. Of those
# that fit a mix the best counts: a line that is updated is fetched anyway, one that is only written
# may be fetched for nothing.
PASSES: dict[Mix, tuple[tuple[int, int, int], ...]] = {
    Mix(1, 0): ((0, 1, 0),),
    Mix(1, 1): ((1, 0, 0), (0, 1, 1)),
    Mix(2, 1): ((1, 1, 0), (0, 2, 1)),
    Mix(3, 2): ((2, 1, 0),),
    Mix(4, 3): ((3, 1, 0),),
}


def best_seconds(work: Callable[[], object]) -> float:
    """The shortest of a few calls."""
    shortest = float("inf")
    for _ in range(BLOCKS):
        started = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest


def flops_a_second(core: Any) -> float:
    """The peak of fused multiply-adds in float32 on the threads that are set."""
    done = core.fma_peak(PEAK_ROUNDS)[0].item()
    return float(done / best_seconds(lambda: core.fma_peak(PEAK_ROUNDS)))


def bytes_a_second(steep: Any, footprint: float, mixes: Iterable[Mix] = ()) -> float:
    """The bandwidth over arrays of so many bytes together, each value read or written counted once.

    Args:
        steep: the package.
        footprint: bytes of all arrays together.
        mixes: what is read and written; the best of several. Default: any, for work that reads
            more than it writes at one time and less at another.
    """
    return max(
        _rate(steep, footprint, *arrays) for mix in mixes or PASSES for arrays in PASSES[Mix(*mix)]
    )


def array_elements(footprint: float, arrays: int, threads: int) -> int:
    """The length of each array: together they are the footprint, in whole grains."""
    wanted = max(LEAST_ELEMENTS * threads, int(footprint / (FLOAT * arrays)))
    return -(-wanted // GRAIN) * GRAIN


def _rate(steep: Any, footprint: float, updated: int, read: int, written: int) -> float:
    count = updated + read + written
    length = array_elements(footprint, count, steep.get_num_threads())
    moved = FLOAT * length * (2 * updated + read + written)
    rounds = max(1, int(BYTES_A_BLOCK / moved))
    arrays = [steep.zeros(length) for _ in range(count)]
    steep._core.stream_peak(arrays, updated, written, 1)  # memory and caches as they will be
    work = lambda: steep._core.stream_peak(arrays, updated, written, rounds)  # noqa: E731
    return moved * rounds / best_seconds(work)
