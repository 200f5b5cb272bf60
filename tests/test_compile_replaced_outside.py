"""Tensors that others replace between calls, where a compiled function reads them, are followed."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from compiling import F, nn
from storing import beside, data

_task: Any = None


class Reading:
    def __init__(self) -> None:
        self.layer = nn.Linear(3, 3)
        self.batch: Any = {"x": data(0)}
        self.x = data(0)

    def train(self, x: Any, y: Any) -> Any:
        self.layer.zero_grad()
        loss = F.mse_loss(self.layer(x), y)
        loss.backward()
        with steep.no_grad():
            self.layer.weight -= 0.1 * self.layer.weight.grad
        return loss.detach()


class Attribute(Reading):
    def step(self) -> Any:
        return self.train(self.x, self.x * 2)

    def change(self, i: int) -> None:
        self.x = data(i, 2 if i < 12 else 3)


class DictMadeAnew(Reading):
    def step(self) -> Any:
        return self.train(self.batch["x"], self.batch["y"])

    def change(self, i: int) -> None:
        self.batch = {"x": data(i), "y": data(i + 40)}


class ItemOfADict(Reading):
    def step(self) -> Any:
        return self.train(self.batch["x"], self.batch["x"] + 1)

    def change(self, i: int) -> None:
        self.batch["x"] = data(i)


class StoredAndReplaced(Reading):
    """The function stores one tensor, and others replace another, which may be that one."""

    def step(self) -> Any:
        self.hidden = self.x * 0.5 + self.batch["x"]
        return self.train(self.x, self.hidden)

    def change(self, i: int) -> None:
        self.x = self.hidden if i % 5 == 4 else data(i)


class LeafMadeAnew(Reading):
    def step(self) -> Any:
        loss = (self.layer(self.batch["x"]) * self.x).square().sum()
        loss.backward()
        return loss.detach()

    def change(self, i: int) -> None:
        self.layer.zero_grad()
        self.x = (self.x.detach() * 0.9).requires_grad_()


class Global(Reading):
    def step(self) -> Any:
        return self.train(_task, _task * 2)

    def change(self, i: int) -> None:
        global _task
        _task = data(i)


@pytest.mark.parametrize(
    "make", [Attribute, DictMadeAnew, ItemOfADict, StoredAndReplaced, LeafMadeAnew, Global]
)
def test_what_others_replace_at_every_call_is_taken_as_an_argument(make: Any) -> None:
    beside(make, calls=20, between=lambda side, i: side.change(i), arguments=lambda i: ())


def test_states_in_turn_are_still_told_apart() -> None:
    """What is written to is the state of the turn."""

    class InTurn:
        def __init__(self) -> None:
            self.counts = [steep.zeros(2, 3) for _ in range(3)]
            self.count = self.counts[0]

        def step(self, x: Any) -> Any:
            self.count.add_(x)
            return self.count * 2

    def between(side: Any, i: int) -> None:
        side.count = side.counts[i % 3 if i < 18 else i % 2]

    beside(InTurn, calls=30, between=between)
