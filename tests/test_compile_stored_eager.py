"""What keeps a compiled function eager that stores tensors anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import nn, reason, replays
from storing import beside


class Keeping:
    """Stores something that replays could not leave there."""

    def __init__(self) -> None:
        self.state: Any = {"h": steep.zeros(3)}
        self.other: Any = self.state
        self.weight = steep.zeros(3, requires_grad=True)
        self.n = 0


def changes_what_was_there(side: Any, x: Any) -> None:
    side.state["h"] = x.sum(0)
    side.state = {"h": side.state["h"] * 2}


def adds_a_key(side: Any, x: Any) -> None:
    side.n += 1
    side.state[str(side.n)] = x.sum(0)


def keeps_numbers_beside(side: Any, x: Any) -> None:
    side.state = {"h": side.state["h"] + x.sum(0), "n": side.state.get("n", 0) + 1}


def keeps_an_object(side: Any, x: Any) -> None:
    side.state = {"h": side.state["h"] + x.sum(0), "of": object()}


def keeps_a_leaf(side: Any, x: Any) -> None:
    loss = ((x - side.weight) ** 2).mean()
    (grad,) = steep.autograd.grad(loss, [side.weight])
    side.weight = (side.weight - 0.1 * grad).detach().requires_grad_()


def keeps_a_parameter(side: Any, x: Any) -> None:
    side.weight = nn.Parameter(side.weight.detach() + x.sum(0))


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize(
    ("store", "why"),
    [
        (changes_what_was_there, "still held after the call|changes its arguments"),
        (adds_a_key, "changes what side.state holds"),
        (keeps_numbers_beside, "is of another kind at every call"),
        (keeps_an_object, "changes side.state at every call|changes Keeping.state"),
        (keeps_a_leaf, "leaf that requires a gradient"),
        (keeps_a_parameter, "leaf that requires a gradient"),
    ],
)
def test_what_cannot_be_stored_anew_is_named(store: Callable[[Any, Any], Any], why: str) -> None:
    def make() -> Any:
        side = Keeping()
        side.step = lambda x: store(side, x)
        return side

    compiled = beside(make, calls=22, least=0)
    assert replays(compiled) == 0
    assert re.search(why, reason(compiled)), compiled.explain()
