"""What the tests of numbers that change share."""

from __future__ import annotations

import warnings
from typing import Any

import steep


def both(make: Any, calls: Any, replays: bool | None = True) -> Any:
    """What `make()` gives, a step and what to compare, with and without compile, call by call."""
    seen = []
    for compiled in (False, True):
        steep.manual_seed(0)
        step, state = make()
        function = steep.compile(step) if compiled else step
        rows = []
        with warnings.catch_warnings():
            warnings.simplefilter("error" if replays else "ignore")
            for i in range(14):
                result = calls(function, i)
                rows.append((repr(result.tolist()), repr(state())))
        seen.append(rows)
    assert seen[0] == seen[1]
    runs = sum(program.runs for program in function.programs())
    assert replays is None or (runs > 0) is replays, function.explain()
    return function


class Keeper:
    """A number in an attribute."""

    def __init__(self) -> None:
        self.t = 0
        self.rate = 0.37
        self.table = {"n": 0, "name": "x"}
        self.list = [0.25, 7]
