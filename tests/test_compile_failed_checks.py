"""A replay that refuses its input leaves every `.grad` as the function itself would have."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from steep import nn

F = nn.functional


def cleared_before(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.zero_grad()
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def cleared_after(first: Any, other: Any, x: Any, y: Any) -> Any:
    loss = F.cross_entropy(first(x), y)
    first.zero_grad()
    loss.backward()
    return loss


def never_cleared(first: Any, other: Any, x: Any, y: Any) -> Any:
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def computed_before_for_another(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.zero_grad()
    other.zero_grad()
    other(x).tanh().sum().backward()
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def added_to_afterwards(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.zero_grad()
    first(x).tanh().sum().backward()
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def assigned_before(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.weight.grad = None
    first.bias.grad = x.sum() * steep.ones(4)
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


def cleared_twice(first: Any, other: Any, x: Any, y: Any) -> Any:
    first.zero_grad()
    first(x).tanh().sum().backward()
    first.zero_grad()
    loss = F.cross_entropy(first(x), y)
    loss.backward()
    return loss


STEPS = [cleared_before, cleared_after, never_cleared, computed_before_for_another]
STEPS += [added_to_afterwards, assigned_before, cleared_twice]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_gradients_after_a_target_out_of_range(step: Any) -> None:
    left = []
    for compiled in (False, True):
        steep.manual_seed(0)
        first, other = nn.Linear(3, 4), nn.Linear(3, 4)
        params = [*first.parameters(), *other.parameters()]
        function = steep.compile(step) if compiled else step
        x = steep.rand(2, 3)
        for _ in range(5):
            function(first, other, x, steep.tensor([0, 1]))
        if compiled:
            assert function.programs()[0].runs > 0
        for last in ([0, 9], [0, 1], [9, 0]):
            try:
                function(first, other, x, steep.tensor(last))
            except IndexError:
                assert 9 in last
            left.append([p.grad if p.grad is None else p.grad.tolist() for p in params])
    assert left[:3] == left[3:]
