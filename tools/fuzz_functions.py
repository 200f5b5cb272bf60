"""Compile random functions that read Python's state, and look for calls that are not what they are.

    python tools/fuzz_functions.py [--seconds N | --functions N] [--first S]
    python tools/fuzz_functions.py --seed S

Each seed is a little program: state of all kinds (variables, containers, instances, modules,
networks, optimisers, random generators), one function over it, and a schedule of calls with changes
of that state between them. It is run as it is and with `steep.compile`; after every call, results,
exceptions, parameters, gradients, all state and the random streams must be the same in every bit.
What differs is reported with its seed and the smallest program that still differs. The exit status
is 1 when there are findings.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fuzzing.functions.grammar import draw
from fuzzing.functions.judge import Verdict, judge, shrink

PATIENCE = 60  # seconds that one function may take
SHRINKING = 20  # seconds for one finding
SHOWN = 3  # findings of a kind that are made smaller and shown
SEEDS_A_WORKER = 2000


def kind_of(found: str) -> str:
    """A finding without its numbers, so that those of one kind are counted together."""
    return re.sub(r"'[^']*'|\d+", "#", found)[:120]


def tell(seed: int, verdict: Verdict) -> str:
    """A finding, and the smallest program with it."""
    small = shrink(draw(seed), SHRINKING)
    after = judge(small).found or verdict.found
    return f"seed {seed}: {verdict.found}\nmade smaller: {after}\n\n{small.text()}"


# --- a worker ------------------------------------------------------------------------------------


def work(first: int, count: int) -> None:
    """A process of its own, which a crash ends; it says each seed before it runs."""
    kinds: collections.Counter[str] = collections.Counter()
    for seed in range(first, first + count):
        say(seed=seed)
        signal.alarm(PATIENCE)
        verdict = judge(draw(seed))
        text = ""
        if verdict.found:
            kinds[kind_of(verdict.found)] += 1
            signal.alarm(SHRINKING + PATIENCE)  # a smaller program may run for ever
            text = tell(seed, verdict) if kinds[kind_of(verdict.found)] <= SHOWN else ""
        signal.alarm(0)
        say(
            calls=verdict.calls,
            replays=verdict.replays,
            reasons=verdict.reasons,
            found=verdict.found,
            broken=verdict.broken,
            text=text,
        )


def say(**message: Any) -> None:
    sys.__stdout__.write(json.dumps(message) + "\n")
    sys.__stdout__.flush()


def heard(first: int, count: int) -> Iterator[dict[str, Any]]:
    """What a worker says, and how it ended when that was no good end."""
    command = [sys.executable, __file__, "--work", str(first), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("{"):
                    yield json.loads(line)
        finally:
            process.kill()
        status = process.wait()
    if status:
        yield {"death": signal.Signals(-status).name if status < 0 else f"exit status {status}"}


# --- all of it -----------------------------------------------------------------------------------


class Tally:
    """What has come of all programs."""

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.reasons: collections.Counter[str] = collections.Counter()
        self.findings: dict[str, list[int]] = collections.defaultdict(list)

    def finding(self, seed: int, found: str, text: str) -> None:
        kind = kind_of(found)
        self.findings[kind].append(seed)
        if len(self.findings[kind]) <= SHOWN:
            print(f"{text or f'seed {seed}: {found}'}\n", flush=True)

    def add(self, seed: int, message: dict[str, Any]) -> None:
        self.counts["functions"] += 1
        self.counts["calls"] += message["calls"]
        self.counts["calls that were replayed"] += message["replays"]
        self.counts["functions with a replay"] += bool(message["replays"])
        self.counts["functions never called"] += bool(message["broken"])
        if message["broken"]:
            self.reasons[f"never called: {kind_of(message['broken'])}"] += 1
        for reason in message["reasons"]:
            self.reasons[kind_of(reason)] += 1
        if message["found"]:
            self.finding(seed, message["found"], message["text"])

    def summary(self) -> int:
        for table in (self.counts, self.reasons):
            print()
            for what, count in table.most_common(40):
                print(f"  {count:8d} {what}")
        print(f"\n{len(self.findings)} kinds of findings")
        for kind, seeds in sorted(self.findings.items(), key=lambda item: -len(item[1])):
            print(f"  {len(seeds):5d} x {kind}  (seeds {' '.join(map(str, seeds[:5]))})")
        return 1 if self.findings else 0


def fuzz(first: int, functions: int, seconds: float) -> int:
    """Run seeds until there were enough."""
    end = time.monotonic() + seconds
    tally, seed, last = Tally(), first - 1, first + functions
    while seed + 1 < last and time.monotonic() < end:
        before = seed
        for message in heard(seed + 1, min(SEEDS_A_WORKER, last - seed - 1)):
            if "seed" in message:
                seed = message["seed"]
            elif "death" in message:
                tally.finding(seed, f"the process died: {message['death']}", "")
            else:
                tally.add(seed, message)
            if time.monotonic() > end:
                break
        if seed == before:  # it could not begin, and the next would not either
            break
    return tally.summary()


def replay(seed: int) -> int:
    """One program: its text, and what came of it."""
    program = draw(seed)
    print(program.text())
    verdict = judge(program)
    print(f"{verdict.replays} of {verdict.calls} calls were replayed")
    for reason in verdict.reasons:
        print(f"eager: {reason}")
    if verdict.broken:
        print(f"its setup fails: {verdict.broken}")
    if verdict.found:
        print(tell(seed, verdict))
    return 1 if verdict.found else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, help="default: 60, or as --functions need")
    parser.add_argument("--functions", type=int)
    parser.add_argument("--first", type=int, help="the first seed; default: from the clock")
    parser.add_argument("--seed", type=int, help="show and run this one in this process")
    parser.add_argument("--work", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    faulthandler.enable()
    if options.work:
        work(*options.work)
        return 0
    if options.seed is not None:
        return replay(options.seed)
    first = options.first if options.first is not None else int(time.time()) * 1000
    print(f"seeds from {first}", flush=True)
    seconds = options.seconds or (60 if options.functions is None else float("inf"))
    return fuzz(first, options.functions or 10**9, seconds)


if __name__ == "__main__":
    sys.exit(main())
