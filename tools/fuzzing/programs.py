"""Random functions, as they are and compiled: the plans of tests/test_compile_fuzz.py."""

from __future__ import annotations

import random
from collections.abc import Callable

from fuzzing.judge import Finding, Job
from test_compile_fuzz import Plan, check


def job(chance: random.Random, tally: Callable[[str], None]) -> Job:
    """One plan."""
    seed, large = chance.randrange(1 << 30), chance.random() < 0.03

    def go() -> None:
        try:
            replayed = check(Plan(seed, large=large))
        except AssertionError as error:
            raise Finding(f"compiled: {error}") from error
        tally("functions replayed" if replayed else "functions not replayed")

    return Job(f"test_compile_fuzz.Plan({seed}, large={large})", go)
