"""One library in a process of its own: reads orders from standard input, answers in JSON lines.

    python -m benchmarks.worker steep [--compiled] [--threads N]

With --compiled, steps go through the library's `compile`. With --threads the process is kept on N
cores before the library is imported, and the library is told of them in its own way: by
`set_num_threads`, or, for JAX, which has no such function, by the size its client gives its pool.

Orders: `version` (null if the library cannot do what the options ask), `place` (where it was
imported from), `threads N`, `check WORK` (a few numbers of the results of the first calls, for
comparison), `time WORK SECONDS` (seconds a call), `cpu WORK CALLS` (the same of CPU time), `forget`
(what was built), and the machine's limits (see there), which steep's worker alone can tell: `peak`
and `bandwidth BYTES [READS WRITES ...]`.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import limits
from benchmarks.loads import LOADS
from benchmarks.table import WORK
from benchmarks.workloads import Mix

ALL: dict[str, Any] = {**WORK, **LOADS}
CHECKED_CALLS = 6  # a compiled step is replayed from the fourth on
BLOCKS = 5

Work = Callable[[], Any]
Settle = Callable[[Any], None]


def keep_on_cores(count: int) -> None:
    """Bind the process to so many cores, one hardware thread of each where there are enough."""
    os.environ["PJRT_NPROC"] = str(count)
    if not hasattr(os, "sched_setaffinity"):
        return
    first_of_core: dict[str, int] = {}
    allowed = sorted(os.sched_getaffinity(0))
    for cpu in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        first_of_core.setdefault(siblings.read_text() if siblings.exists() else str(cpu), cpu)
    cores = list(first_of_core.values())
    others = [cpu for cpu in allowed if cpu not in cores]
    os.sched_setaffinity(0, [*cores, *others][:count])


def numbers(arrays: list[Any]) -> list[float]:
    """Some numbers that differ when the results do."""
    found: list[float] = []
    for array in arrays:
        flat = array.reshape(-1)
        found += [float(flat[0]), float(flat[-1]), float(flat.mean(dtype="float64"))]
    return found


def resident_bytes(field: str) -> int:
    """What Linux says of this process: VmRSS is what it holds now, VmHWM the most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(field)))


def seconds_a_call(work: Work, settle: Settle, budget: float) -> float:
    """The shortest of five blocks of calls, after a block of warming up."""

    def block(calls: int) -> float:
        # Results are dropped as they come, but for the last, which is waited for.
        started = time.perf_counter()
        for _ in range(calls - 1):
            work()
        result = work()
        settle(result)
        return time.perf_counter() - started

    calls = 1
    while (elapsed := block(calls)) <= budget / 10 and calls < 1_000_000:
        calls *= 4
    calls = max(1, int(calls * budget / BLOCKS / max(elapsed, 1e-9)))
    gc.disable()
    best = min(block(calls) for _ in range(BLOCKS)) / calls
    gc.enable()
    return best


class Worker:
    """A library, the work built so far, and a method for each order."""

    def __init__(self, name: str, compiled: bool) -> None:
        self.lib = importlib.import_module(name)
        self.compiled = compiled
        self.jobs = importlib.import_module(f"benchmarks.{'jax_' * (name == 'jax')}jobs")
        self.settle: Settle = getattr(self.jobs, "settle", lambda result: None)
        self.built: dict[str, Work] = {}

    def work(self, name: str) -> Work:
        """The function that does the work, built at first use."""
        if name not in self.built:
            compiled = self.lib.compile if self.compiled else None
            self.built[name] = self.jobs.build(self.lib, ALL[name], compiled)
        return self.built[name]

    def version(self) -> str | None:
        """The library's version, if it can do what is asked of it."""
        able = not self.compiled or hasattr(self.lib, "compile")
        return self.lib.__version__ if able else None

    def place(self) -> str:
        """The folder that the library was imported from."""
        return str(Path(self.lib.__file__).parent)

    def threads(self, count: str) -> None:
        """Tell the library how many threads to use."""
        if hasattr(self.lib, "set_num_threads"):
            self.lib.set_num_threads(int(count))

    def check(self, name: str) -> list[float]:
        """Numbers of the results of the first calls."""
        work, found = self.work(name), []
        if hasattr(ALL[name], "for_check"):
            compiled = self.lib.compile if self.compiled else None
            work = self.jobs.build(self.lib, ALL[name].for_check(), compiled)
        for _ in range(CHECKED_CALLS):
            results = work()
            several = results if isinstance(results, tuple) else (results,)
            found += numbers([self.jobs.as_array(result) for result in several])
        return found

    def time(self, name: str, budget: str) -> float:
        """Seconds a call."""
        return seconds_a_call(self.work(name), self.settle, float(budget))

    def memory(self, name: str, calls: str) -> tuple[int, int]:
        """Bytes of this process before the work is built, and at the peak of doing it so often."""
        self.lib.ones(8, 8) @ self.lib.ones(8, 8)
        before = resident_bytes("VmRSS")
        work = self.work(name)
        for _ in range(int(calls)):
            self.settle(work())
        return before, resident_bytes("VmHWM")

    def cpu(self, name: str, calls: str) -> float:
        """Seconds of CPU time of the quickest of so many calls, after one of warming up."""
        work, best = self.work(name), float("inf")
        work()
        for _ in range(int(calls)):
            started = time.process_time()
            self.settle(work())
            best = min(best, time.process_time() - started)
        return best

    def forget(self) -> None:
        """Drop what was built."""
        self.built.clear()
        gc.collect()

    def peak(self) -> float:
        """Floating-point operations a second."""
        return limits.flops_a_second(self.lib._core)

    def bandwidth(self, footprint: str, *numbers: str) -> float:
        """Bytes a second of arrays of this size, read and written as the numbers say."""
        counts = [int(number) for number in numbers]
        mixes = [Mix(*pair) for pair in zip(counts[::2], counts[1::2], strict=True)]
        return limits.bytes_a_second(self.lib, float(footprint), mixes)


def main() -> None:
    """Serve orders until standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("module")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        keep_on_cores(arguments.threads)
    worker = Worker(arguments.module, arguments.compiled)
    if arguments.threads:
        worker.threads(str(arguments.threads))
    for line in sys.stdin:
        order, *rest = line.split()
        print(json.dumps(getattr(worker, order)(*rest)), flush=True)


if __name__ == "__main__":
    main()
