"""One library in a process of its own: reads orders from standard input, answers in JSON lines.

    python -m benchmarks.worker steep

Orders: `threads N`, `check JOB` (a few numbers of the result, for comparison), `time JOB SECONDS`
(seconds a call), `peak` (fused multiply-adds a second that the registers can do; steep only).
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from typing import Any

from benchmarks.jobs import JOBS, Work


def numbers(result: Any) -> list[float]:
    """Some numbers that differ when the result does."""
    flat = result.detach().reshape(-1)
    return [float(flat[0]), float(flat[-1]), float(flat.double().mean())]


def seconds_a_call(work: Work, budget: float) -> float:
    """The shortest of five blocks of calls, after a block of warming up."""
    calls = 1
    while True:
        started = time.perf_counter()
        for _ in range(calls):
            work()
        elapsed = time.perf_counter() - started
        if elapsed > budget / 10 or calls >= 1_000_000:
            break
        calls *= 4
    calls = max(1, int(calls * budget / 5 / max(elapsed, 1e-9)))
    best = float("inf")
    gc.disable()
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(calls):
            work()
        best = min(best, (time.perf_counter() - started) / calls)
    gc.enable()
    return best


def flops_a_second(core: Any) -> float:
    """The peak of fused multiply-adds in float32 on the threads that are set."""
    rounds = 20_000_000
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        done = core.fma_peak(rounds)[0].item()
        best = max(best, done / (time.perf_counter() - started))
    return best


def main() -> None:
    """Serve orders until standard input ends."""
    lib = importlib.import_module(sys.argv[1])
    made: dict[str, Work] = {}
    for line in sys.stdin:
        order, *rest = line.split()
        answer: Any = None
        if order == "threads":
            lib.set_num_threads(int(rest[0]))
        elif order == "peak":
            answer = flops_a_second(importlib.import_module("steep._core"))
        elif order == "forget":
            made.clear()
            gc.collect()
        else:
            work = made.setdefault(rest[0], None) or JOBS[rest[0]](lib)  # type: ignore[arg-type]
            made[rest[0]] = work
            answer = numbers(work()) if order == "check" else seconds_a_call(work, float(rest[1]))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
