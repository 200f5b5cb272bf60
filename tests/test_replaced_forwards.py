"""A `Sequential` runs the forward that its modules have now, fused or not."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import steep
from steep import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
by_activation = pytest.mark.parametrize("name", sorted(ACTIVATIONS))
of_either = pytest.mark.parametrize("at", [0, 1])


def pair(name: str) -> tuple[Any, Any]:
    net = nn.Sequential(nn.Linear(3, 2), ACTIVATIONS[name]())
    x = steep.arange(6.0).view(2, 3)
    net(x)  # which lays the fused steps out
    return net, x


def first_columns(self: Any, x: Any) -> Any:
    return x[:, :1] + 5


def expected(net: Any, x: Any, at: int) -> list[Any]:
    """What the two modules give, the one at `at` having `first_columns` as its forward."""
    for i, module in enumerate(net):
        x = first_columns(module, x) if i == at else module(x)
    return x.tolist()


@by_activation
@of_either
def test_forward_patched_on_the_class(monkeypatch, name, at):
    net, x = pair(name)
    wanted = expected(net, x, at)
    plain = net(x).tolist()
    with monkeypatch.context() as patch:
        patch.setattr(type(net[at]), "forward", first_columns)
        assert net(x).tolist() == wanted
        assert nn.Sequential(*net)(x).tolist() == wanted  # laid out with the patch in place
    assert net(x).tolist() == plain


@by_activation
@of_either
def test_class_swapped(name, at):
    net, x = pair(name)
    wanted = expected(net, x, at)
    net[at].__class__ = type("Other", (type(net[at]),), {"forward": first_columns})
    assert net(x).tolist() == wanted


@by_activation
@of_either
def test_forward_of_the_instance(name, at):
    net, x = pair(name)
    wanted = expected(net, x, at)
    net[at].__dict__["forward"] = lambda x: first_columns(None, x)
    assert net(x).tolist() == wanted
    del net[at].__dict__["forward"]
    net[at].forward = lambda x: first_columns(None, x)
    assert net(x).tolist() == wanted


@by_activation
@of_either
def test_replaced_forward_beside_hooks(monkeypatch, name, at):
    net, x = pair(name)
    wanted = expected(net, x, at)
    seen: list[Any] = []
    handle = net[1 - at].register_forward_hook(lambda *_: seen.append(1))
    monkeypatch.setattr(type(net[at]), "forward", first_columns)
    assert net(x).tolist() == wanted
    handle.remove()
    assert net(x).tolist() == wanted
    assert seen == [1]


@by_activation
def test_fused_steps_travel_with_copies(name):
    net, x = pair(name)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other(x).tolist() == net(x).tolist()
        other[0].__dict__["forward"] = lambda x: first_columns(None, x)
        assert other(x).tolist() == expected(net, x, 0)


def test_pairs_that_are_asked_about_come_in_threes():
    with pytest.raises(TypeError, match="are_plain: expected a tuple"):
        steep._core.are_plain((nn.ReLU(),))
