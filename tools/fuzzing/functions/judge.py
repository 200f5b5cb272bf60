"""Whether a program shows the same with `steep.compile`, and the smallest one that does not."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fuzzing.functions.program import Program
from fuzzing.functions.sides import Shown, compare, run

__all__ = ["Verdict", "judge", "shrink"]


@dataclass(frozen=True)
class Verdict:
    """What came of a program.

    Attributes:
        found: where the compiled function differs, or ``''``.
        calls: how many calls there were.
        replays: how many of them were replayed.
        reasons: why others ran eagerly.
        broken: what its setup raised, so that there was nothing to call.
    """

    found: str
    calls: int = 0
    replays: int = 0
    reasons: tuple[str, ...] = ()
    broken: str = ""


def judge(program: Program) -> Verdict:
    """Run both sides."""
    plain, broken = _run(program, compiling=False)
    if plain is None:
        return Verdict("", broken=broken)
    other, broken = _run(program, compiling=True)
    if other is None:
        return Verdict(f"only the compiled one raises outside of its calls: {broken}")
    calls = len(program.calls)
    return Verdict(compare(plain, other), calls, other.replays, tuple(other.reasons))


def _run(program: Program, *, compiling: bool) -> tuple[Shown | None, str]:
    try:
        return run(program, compiling), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def shrink(program: Program, seconds: float) -> Program:
    """Leaves out what can be left out while it still differs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for smaller in program.smaller():
            if time.monotonic() > end:
                break
            if judge(smaller).found:
                program = smaller
                break
        else:
            break
    return program
