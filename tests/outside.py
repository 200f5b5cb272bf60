"""What the tests of backward passes outside of compiled functions share."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import steep

nn = steep.nn
F = steep.nn.functional

CALLS = 10


class Side:
    """One of two runs of a case: as it is, or compiled."""

    def __init__(self, compiling: bool) -> None:
        self.compiling = compiling
        self.seen: list[Any] = []
        self.made: list[Any] = []

    def compile(self, function: Any) -> Any:
        if not self.compiling:
            return function
        made = steep.compile(function)
        self.made.append(getattr(made, "_compiled", made))
        return made

    def saw(self, *values: Any) -> None:
        for value in values:
            if isinstance(value, steep.Tensor):
                array = value.detach().numpy()
                value = (str(value.dtype), array.shape, array.tobytes())
            self.seen.append(value)

    def saw_gradients(self, model: Any) -> None:
        self.saw(*(p.grad for p in model.parameters()))

    def steps(self, *models: Any, calls: int = CALLS, outputs: int = 3) -> Iterator[Any]:
        """Batches, before each of which gradients are cleared, and after which they are seen."""
        for i in range(calls):
            for model in models:
                clear(model)
            yield data(i, outputs=outputs)
            for model in models:
                self.saw_gradients(model)

    def error_of(self, function: Callable[[], Any]) -> None:
        """Keep what is raised: its class and its text up to the first number."""
        with pytest.raises(RuntimeError) as raised:
            function()
        self.seen.append((raised.type, str(raised.value).partition("; it is at version")[0]))


def both(case: Callable[[Side], None], *, backward: bool = True) -> list[Any]:
    """Run a case twice, compare all it saw, and make sure that calls were replayed."""
    sides = []
    for compiling in (False, True):
        steep.manual_seed(3)
        side = Side(compiling)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            case(side)
        side.saw(steep.get_rng_state())
        sides.append(side)
    plain, compiled = sides
    assert len(plain.seen) == len(compiled.seen) > 1
    for i, (got, expected) in enumerate(zip(compiled.seen, plain.seen, strict=True)):
        assert got == expected, f"number {i} of what it saw"
    for function in compiled.made:
        programs = function.programs()
        assert programs, function.explain()
        assert programs[0].runs > 0
        if backward:
            assert re.search("backward, replayed [1-9]", function.explain()), function.explain()
    return compiled.made


def data(i: int, rows: int = 6, columns: int = 8, outputs: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(i)
    x = rng.normal(size=(rows, columns)).astype(np.float32)
    y = rng.normal(size=(rows, outputs)).astype(np.float32)
    return steep.from_numpy(x), steep.from_numpy(y)


def mlp(*middle: Any) -> Any:
    return nn.Sequential(nn.Linear(8, 12), nn.Tanh(), *middle, nn.Linear(12, 3))


def clear(model: Any) -> None:
    for p in model.parameters():
        p.grad = None
