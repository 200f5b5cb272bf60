"""What the tests of `steep.compile` share: a step, and a network beside its compiled twin."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

import steep
from cases import OPTIMIZERS
from runner import numpy

nn = steep.nn
F = steep.nn.functional


class Twins:
    """One network trained by a function as it is, and its twin by the compiled function."""

    def __init__(self, make: Callable[[], Any]) -> None:
        steep.manual_seed(1)
        self.plain = make()
        steep.manual_seed(1)
        self.other = make()
        self.compiled = steep.compile(self.other.step)

    def compare(self) -> None:
        for got, expected in zip(self.other.state(), self.plain.state(), strict=True):
            np.testing.assert_array_equal(got, expected)


class Run:
    """A network, an optimiser, and a step that returns the loss."""

    def __init__(self, model: Any, optimizer: str = "Adam", **settings: Any) -> None:
        self.model = model
        params = list(model.parameters())
        taken = OPTIMIZERS[optimizer].takes(params) if optimizer in OPTIMIZERS else params
        for p in params:  # no gradient for what nothing steps
            if not any(p is one for one in taken):
                p.requires_grad_(False)
        self.optimizer = getattr(steep.optim, optimizer)(taken, **settings)

    def step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def state(self) -> list[Any]:
        params = list(self.model.parameters())
        kept = [v for p in params for v in self.optimizer.state[p].values() if v is not None]
        return numpy([*params, *(p.grad for p in params if p.grad is not None), *kept])


def mlp(*middle: Any) -> Any:
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), *middle, nn.Linear(32, 5))


def batches(count: int, rows: int = 16) -> list[Any]:
    rng = np.random.default_rng(0)
    return [
        (
            steep.from_numpy(rng.normal(size=(rows, 20)).astype(np.float32)),
            steep.from_numpy(rng.integers(0, 5, rows)),
        )
        for _ in range(count)
    ]


def replays(compiled: Any) -> int:
    """How often its programs have run: those of a function, or of a module's forward."""
    function = getattr(compiled, "_compiled", compiled)
    return sum(program.runs for program in function.programs())


def reason(compiled: Any) -> str:
    """Why its calls, or some of them, run eagerly; empty where nothing speaks against replays."""
    text = getattr(compiled, "_compiled", compiled).explain()
    return " ".join(re.findall("eager, because (.*)", text))


def ones(value: float = 1.0, size: int = 2) -> Any:
    return steep.full((size,), float(value))


def called(compiled: Any, *args: Any, calls: int = 5) -> Any:
    """Call so often that a function that can be replayed is."""
    for _ in range(calls):
        result = compiled(*args)
    return result


def settle(compiled: Any, *args: Any, calls: int = 5) -> Any:
    """Call until it is replayed."""
    result = called(compiled, *args, calls=calls)
    assert replays(compiled) > 0, compiled.explain()
    return result


Made = tuple[Any, ...]  # a function, what changes a place that it reads, and what makes arguments
Make = Callable[[], Made]


def is_followed(make: Make) -> None:
    """A function is replayed until a place that it reads has changed, and then does as it does.

    Without a third part of what is made it is called with a tensor of ones.
    """
    function, change, *others = make()
    arguments = others[0] if others else lambda: (ones(),)
    compiled = steep.compile(function)
    for _ in range(8):  # the sixth is recorded again, if a tensor was always the same so far
        before = compiled(*arguments()).tolist()
    runs = replays(compiled)
    for _ in range(2):
        compiled(*arguments())
    assert replays(compiled) == runs + 2
    change()
    given = arguments()
    after = compiled(*given).tolist()
    assert replays(compiled) == runs + 2
    assert after == function(*given).tolist() != before
