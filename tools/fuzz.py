"""Throw random calls at steep: right ones, wrong ones and spiteful ones.

    python tools/fuzz.py [--seconds N] [--seed S] [--jobs J] [--only KIND ...]
    python tools/fuzz.py --replay SEED [SEED ...]

Each seed is one thing done, in a process of a pool: a call of the table of cases (with other sizes,
memory and special values, against the reference, forward, backward, second order and compiled), a
call that is wrong somewhere, an index expression, a game of views, writes, hooks and gradients, or
a compiled function. It has to give a result, equal to the reference where there is one, or to raise
a documented exception and change nothing. The pool tells each seed before it runs, so that a crash
or a hang is reported with its seed. The exit status is 1 when there are findings.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import gc
import json
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]
KINDS = {"table": 4, "hostile": 6, "index": 3, "sequence": 1, "program": 0.3}

SEEDS_A_WORKER = 3000
# A worker may use so much address space; a sanitizer needs it all, and has a limit of its own.
MEMORY = None if os.environ.get("STEEP_SANITIZER") else 6 << 30
PATIENCE = 300 if os.environ.get("STEEP_SANITIZER") else 60  # seconds without a word from a worker
TAIL = 6000  # characters of what a worker wrote before it died


# --- a worker ------------------------------------------------------------------------------------


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def fresh_state() -> None:
    import steep
    from steep import _core

    _core.fail_allocation(-1)  # which a hostile call may have asked for
    steep.set_grad_enabled(True)
    steep.set_default_dtype(steep.float32)
    steep.set_num_threads(2)
    steep.manual_seed(0)
    assert not _core.is_recording()


def do(seed: int, only: list[str], tally: Any, verbose: bool = False) -> tuple[str, str | None]:
    """Runs one seed; returns what it was and what was found."""
    from fuzzing import hostile_calls, indexing, judge, programs, sequences, table_calls

    makers = {
        "table": table_calls.job,
        "hostile": hostile_calls.job,
        "index": indexing.job,
        "sequence": sequences.job,
        "program": programs.job,
    }
    chance = random.Random(seed)
    kind = chance.choices(only, [KINDS[k] for k in only])[0]
    text = "(while it was made)"
    try:
        fresh_state()
        job = makers[kind](chance, tally)
        text = job.text
        if verbose:
            print(f"seed {seed}: {kind}: {text}", flush=True)
        job.go()
    except judge.Finding as finding:
        return text, f"{kind}: {finding}"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        return text, f"{kind}: {type(error).__name__} at {place}: {str(error)[:500]}"
    return text, None


def work(first: int, count: int, only: list[str]) -> None:
    """A process of the pool."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    if MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    tally: collections.Counter[str] = collections.Counter()

    def count_one(what: str) -> None:
        tally[what] += 1

    for seed in range(first, first + count):
        say(seed=seed)
        text, found = do(seed, only, count_one)
        if found:
            say(finding=found, text=text, seed=seed)
        if seed % 100 == 0 or seed == first + count - 1:
            gc.collect()
            say(tally=dict(tally))
            tally.clear()


# --- the pool ------------------------------------------------------------------------------------


class Worker:
    """One process, and what it has said."""

    def __init__(self, first: int, only: list[str], count: int = SEEDS_A_WORKER) -> None:
        self.first, self.last, self.seed = first, first + count, first - 1
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the pool
        command = [sys.executable, __file__, "--work", str(first), str(count), "--only", *only]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors)
        self.heard = time.monotonic()

    def lines(self) -> list[dict[str, Any]]:
        """What it said since; an empty list when it is silent."""
        assert self.process.stdout is not None
        said = []
        while select.select([self.process.stdout], [], [], 0)[0]:
            line = self.process.stdout.readline()
            if not line:
                break
            self.heard = time.monotonic()
            # What an operation prints is no message of ours.
            if line.startswith(b"{"):
                said.append(json.loads(line))
        return said

    def tail(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-TAIL:]

    def death(self) -> str | None:
        """How it ended, when that was no good end."""
        status = self.process.poll()
        if status is None and time.monotonic() - self.heard > PATIENCE:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            return f"hang: nothing for {PATIENCE} s"
        if status in (None, 0):
            return None
        return f"crash: {signal.Signals(-status).name if status < 0 else f'exit status {status}'}"


class Pool:
    """Runs seeds until the time is over."""

    def __init__(self, first: int, jobs: int, only: list[str]) -> None:
        self.next, self.jobs, self.only = first, jobs, only
        self.first = first
        self.done = 0
        self.tally: collections.Counter[str] = collections.Counter()
        self.findings: dict[str, list[int]] = collections.defaultdict(list)

    def worker(self) -> Worker:
        made = Worker(self.next, self.only)
        self.next += SEEDS_A_WORKER
        return made

    def report(self, seed: int, found: str, text: str, more: str = "") -> None:
        # Findings of one kind differ in numbers alone; the first ones are shown.
        key = "".join("#" if c.isdigit() else c for c in found)[:160]
        self.findings[key].append(seed)
        if len(self.findings[key]) <= 3:
            print(f"seed {seed}: {text[:600]}\n    {found[:1500]}\n{more}", flush=True)

    def listen(self, worker: Worker) -> None:
        for message in worker.lines():
            if "tally" in message:
                self.tally.update(message["tally"])
            elif "finding" in message:
                self.report(message["seed"], message["finding"], message["text"])
            else:
                worker.seed = message["seed"]
                self.done += 1

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        workers = [self.worker() for _ in range(self.jobs)]
        while workers:
            time.sleep(0.05)
            for worker in list(workers):
                self.listen(worker)
                over = time.monotonic() > end
                how = worker.death()
                if how:
                    self.listen(worker)
                    self.report(worker.seed, how, "", worker.tail())
                if how or worker.process.poll() is not None or over:
                    workers.remove(worker)
                    self.stop(worker)
                    if how and not over and worker.seed + 1 < worker.last:
                        left = worker.last - worker.seed - 1
                        workers.append(Worker(worker.seed + 1, self.only, left))
                    elif not over:
                        workers.append(self.worker())

    @staticmethod
    def stop(worker: Worker) -> None:
        worker.process.kill()
        worker.process.communicate()
        worker.errors.close()

    def summary(self) -> int:
        print(f"\n{self.done} seeds from {self.first}; what came of them:")
        for what, count in sorted(self.tally.items()):
            print(f"  {count:8d} {what}")
        print(f"{len(self.findings)} kinds of findings")
        for key, seeds in sorted(self.findings.items(), key=lambda item: -len(item[1])):
            print(f"  {len(seeds):5d} x {key[:120]}  (seeds {' '.join(map(str, seeds[:5]))})")
        return 1 if self.findings else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, help="the first one; default: from the clock")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--replay", nargs="+", type=int, help="run these seeds in this process")
    parser.add_argument("--work", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work, options.only)
        return 0
    if options.replay:
        faulthandler.enable()
        warnings.simplefilter("ignore")
        results = [do(s, options.only, lambda _: None, verbose=True) for s in options.replay]
        for seed, (_, found) in zip(options.replay, results, strict=True):
            print(f"seed {seed}: {found or 'nothing found'}")
        return 1 if any(found for _, found in results) else 0
    first = options.seed if options.seed is not None else int(time.time()) * 1000
    print(f"seeds from {first}", flush=True)
    pool = Pool(first, options.jobs, options.only)
    pool.run(options.seconds)
    return pool.summary()


if __name__ == "__main__":
    sys.exit(main())
