"""Compare results bit for bit across instruction sets, threads, and where operands lie.

    python tools/digests.py [--seconds 60] [--first SEED] [--levels LEVEL ...] [--threads N ...]

Calls are drawn at random (tests/random_calls.py): operations of the table of cases, and pointwise
functions, reductions, softmax, products, layers, norms, losses, indices, casts and optimisers in
shapes that end anywhere. A process for each level and each number of threads computes every call,
forward and backward, at two offsets from the start of its memory, 0 to 15 elements, which every
process chooses anew. Threads share whatever they can, however small. Half of the processes take
their memory guarded, so that what goes beyond the end of a block ends the process.

Levels with FMA must agree in every bit, and so must the baseline, which has none, with itself.
Prints every difference and how much was compared; exits with 1 if there was a difference. A seed
that differs is looked at again with `--first SEED --seconds 1`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import steep
from digest import canonical
from random_calls import at, draw
from steep import _core

THREADS = (1, 2, 3, 8)
BATCH = 40  # calls that are asked for at a time
OFFSETS = 16


def digest_of(seed: int, offset: int) -> str:
    """The call's name and a hash of its results."""
    drawn = draw(seed)
    found = hashlib.sha256()
    for array in drawn.results(at(offset)):
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(canonical(array)).tobytes())
    return f"{drawn.name}:{found.hexdigest()[:16]}"


def work(own: int) -> None:
    """Answer the seeds on standard input; `own` decides on the offsets."""
    _core.share_everything(steep.get_num_threads() > 1)
    for line in sys.stdin:
        seed = int(line)
        offsets = ((seed + 5 * own) % OFFSETS, (7 * seed + 3 * own + 1) % OFFSETS)
        print(seed, *(f"{offset}:{digest_of(seed, offset)}" for offset in offsets), flush=True)


class Worker:
    """A process of one level and one number of threads."""

    def __init__(self, level: str, threads: int, own: int) -> None:
        memory = "guarded" if own % 2 else "cache"
        self.name = f"{level}, {threads} threads, {memory} memory"
        self.with_fma = level != "baseline"
        chosen = {"STEEP_CPU": level, "STEEP_NUM_THREADS": str(threads), "STEEP_ALLOC": memory}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", str(own)],
            env=os.environ | chosen,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, seeds: range) -> None:
        """Send some seeds."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{seed}\n" for seed in seeds))
        self.process.stdin.flush()

    def answers(self, seeds: range) -> Iterator[tuple[int, str, str, str]]:
        """Seed, offset, operation and digest of everything asked for."""
        assert self.process.stdout is not None
        for seed in seeds:
            line = self.process.stdout.readline().split()
            if not line or int(line[0]) != seed:
                raise SystemExit(f"{self.name} ended with {self.process.wait()} at seed {seed}")
            for answer in line[1:]:
                offset, name, digest = answer.split(":")
                yield seed, offset, name, digest

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


class Comparison:
    """What was found so far."""

    def __init__(self) -> None:
        self.calls: dict[int, str] = {}
        self.results = 0
        self.differences = 0

    def add(self, workers: list[Worker], seeds: range) -> None:
        """Ask all for the same seeds; the first to answer one with FMA, or without, is believed."""
        for worker in workers:
            worker.ask(seeds)
        expected: dict[tuple[bool, int], tuple[str, str]] = {}
        for worker in workers:
            for seed, offset, name, digest in worker.answers(seeds):
                self.results += 1
                where = f"{worker.name}, offset {offset}"
                key = worker.with_fma, seed
                self.calls[seed] = name
                first, reference = expected.setdefault(key, (where, digest))
                if digest != reference:
                    self.differences += 1
                    print(f"{name}, seed {seed}: {where} differs from {first}", flush=True)

    def summary(self, workers: int) -> str:
        """In one line."""
        return (
            f"{len(self.calls)} calls of {len(set(self.calls.values()))} operations, "
            f"{self.results} results of {workers} processes, {self.differences} differences"
        )


def main() -> int:
    """Compare for a while."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, default=0, help="the seed to begin with")
    parser.add_argument("--levels", nargs="+", default=steep.available_levels())
    parser.add_argument("--threads", type=int, nargs="+", default=THREADS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        work(arguments.worker)
        return 0
    workers = [
        Worker(level, threads, i + 3 * j)
        for i, level in enumerate(arguments.levels)
        for j, threads in enumerate(arguments.threads)
    ]
    found = Comparison()
    end, seed = time.monotonic() + arguments.seconds, arguments.first
    while found.results == 0 or time.monotonic() < end:
        found.add(workers, range(seed, seed + BATCH))
        seed += BATCH
    for worker in workers:
        worker.close()
    print(found.summary(len(workers)))
    return 1 if found.differences else 0


if __name__ == "__main__":
    sys.exit(main())
