"""Failures at every point of what changes state.

Allocations of tensor memory that fail, allocations of Python's that fail, and a KeyboardInterrupt
at every line of the package.

After each, the state is the old or the new one, bit for bit, memory is not lost, and what follows
goes on as if nothing had been.

    python tools/inject_failures.py --seconds 60
"""

from __future__ import annotations

import argparse
import dis
import gc
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from failure_trials import TRIALS, Trial

import steep
from steep import _core

PACKAGE = os.path.dirname(steep.__file__)
POP_EXCEPT = dis.opmap["POP_EXCEPT"]
# From 3.12 on the interpreter itself crashes where a generator finds no memory: plain Python does.
KINDS = ("memory", "lines") if sys.version_info >= (3, 12) else ("memory", "objects", "lines")

# ---- how it fails -----------------------------------------------------------------------------


class Failure:
    """One of the points that a call comes by fails.

    Attributes:
        at: which, counted from 1.
        count: how many there were, at least.
        where: the line, if it is known.
        others: what else than MemoryError and KeyboardInterrupt tells of it.
    """

    others: tuple[type[Exception], ...] = ()

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.where = ""

    def run(self, function: Callable[[], Any]) -> None:
        """Call the function, and let the point fail."""
        raise NotImplementedError


class Interrupt(Failure):
    """Raises KeyboardInterrupt before one line of the package is run; counts them."""

    def __call__(self, frame: Any, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        # At the end of an except block the interpreter looks for no signal, and would lose the
        # exception that ends there.
        if event == "line" and frame.f_code.co_code[frame.f_lasti] != POP_EXCEPT:
            self.count += 1
            if self.count == self.at:
                self.where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self

    def run(self, function: Callable[[], Any]) -> None:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            function()
        finally:
            sys.settrace(before)


class Memory(Failure):
    """Lets one allocation of tensor memory fail."""

    def run(self, function: Callable[[], Any]) -> None:
        _core.fail_allocation(self.at - 1)
        try:
            function()
        finally:
            self.count = self.at if _core.allocations_until_failure() < 0 else self.at - 1
            _core.fail_allocation(-1)


class Objects(Failure):
    """Lets one allocation of Python's fail. It counts those of the interpreter itself as well."""

    others = (RuntimeError, OSError, SystemError)  # what the interpreter makes of some

    def run(self, function: Callable[[], Any]) -> None:
        import _testcapi

        set_nomemory, remove = _testcapi.set_nomemory, _testcapi.remove_mem_hooks
        try:
            set_nomemory(self.at, self.at + 1)
            function()
        finally:
            remove()
        self.count = self.at - 1  # nothing has failed: that was the last, or no one minded


FAILURES = {"memory": Memory, "objects": Objects, "lines": Interrupt}


class FindingError(AssertionError):
    """What a failure has left is neither the old nor the new state."""


def expected_states(make: Callable[[], Trial]) -> list[Any]:
    """The state before the calls, and after each of them, where nothing fails."""
    trial = make()
    states = [trial.state()]
    for call in trial.calls:
        call()
        states.append(trial.state())
    return states


def fails_once(make: Callable[[], Trial], states: list[Any], kind: str, at: int) -> bool:
    """Let the `at`-th point fail and check; false where there are not so many."""
    trial = make()
    failure = FAILURES[kind](at)
    grad_enabled = steep.is_grad_enabled()
    try:
        failure.run(trial.start)
    except (KeyboardInterrupt, MemoryError, *failure.others):
        where = f"{kind} {at} {failure.where}"
        if steep.is_grad_enabled() != grad_enabled or _core.is_recording():
            raise FindingError(f"{where}: the mode of the thread is another") from None
        now = trial.state()
        # The last that it can be: calls that change nothing cannot be told apart.
        found = [i for i, state in enumerate(states) if state == now]
        if not found:
            raise FindingError(f"{where}: neither the old nor the new state") from None
        trial.resume(found[-1])
    else:
        if failure.count < at:
            return False
    if not trial.complete(states, failure.where):
        raise FindingError(f"{kind} {at} {failure.where}: what followed went another way")
    return True


def try_all(name: str, kind: str, points: Iterator[int], until: float) -> tuple[int, bool]:
    """Let one point after the other fail; how many did, and whether there were no more."""
    make = TRIALS[name]
    states = expected_states(make)
    gc.collect()
    before = steep.memory_stats()["allocated_bytes"]
    count = 0
    # Some failures of objects the interpreter gets over by itself: those are not the last.
    most = 40 if kind == "objects" else 1
    unnoticed = 0
    for at in points:
        if time.monotonic() > until or unnoticed == most:
            break
        if fails_once(make, states, kind, at):
            count += 1
            unnoticed = 0
        else:
            unnoticed += 1
    gc.collect()
    after = steep.memory_stats()["allocated_bytes"]
    # The interpreter loses a call's arguments where it finds no memory for the function's cells.
    if after > before and kind != "objects":
        raise FindingError(f"{name}, {kind}: {after - before} bytes of tensors are lost")
    return count, unnoticed == most


# ---- the command ------------------------------------------------------------------------------


def in_a_process(name: str, kind: str, first: int, step: int, last: int, seconds: float) -> int:
    """`try_all` in a process of its own, which a failure may end; how many points were tried."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import inject_failures as tool;"
        "name, kind, first, step, last, seconds = sys.argv[2:];"
        "import time, warnings; warnings.simplefilter('ignore');"
        "points = iter(range(int(first), int(last), int(step)));"
        "print(tool.try_all(name, kind, points, time.monotonic() + float(seconds))[0])"
    )
    given = [os.path.dirname(os.path.abspath(__file__)), name, kind]
    given += [str(first), str(step), str(last), str(seconds)]
    done = subprocess.run(
        [sys.executable, "-c", code, *given], capture_output=True, text=True, check=False
    )
    if done.returncode:
        text = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise FindingError(f"{name}, {kind}: {text[-1]}")
    return int(done.stdout.split()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--trial", choices=[*TRIALS], action="append")
    parser.add_argument("--kind", choices=KINDS, action="append")
    options = parser.parse_args()
    pairs = [(n, k) for n in options.trial or TRIALS for k in options.kind or KINDS]
    random.shuffle(pairs)
    end = time.monotonic() + options.seconds
    tried, findings = 0, 0
    for left, (name, kind) in zip(range(len(pairs), 0, -1), pairs, strict=True):
        seconds = max(1.0, (end - time.monotonic()) / left)
        # Of objects there are too many to try each: another part of them each time.
        step = random.choice((7, 11, 13)) if kind == "objects" else 1
        first = random.randrange(1, step + 1)
        try:
            tried += in_a_process(name, kind, first, step, 20000, seconds)
        except FindingError as finding:
            findings += 1
            print(f"FINDING {finding}")
    print(f"{tried} failures injected into {len(pairs)} trials, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
