"""What compiled functions read in ways that name nothing: copies, texts, protocols, steep's own."""

from __future__ import annotations

import copy
import functools
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import called, nn, ones, replays, settle


class Scaling:
    """Read by `worth` alone, whatever way it takes to get there."""

    def __init__(self) -> None:
        self.factor = 2.0


class Doubling:
    level = 1.0

    def __getattribute__(self, name: str) -> Any:
        if name == "factor":
            return object.__getattribute__(self, "level") * 2
        return object.__getattribute__(self, name)


def worth(scaling: Any) -> float:
    return float(scaling.factor)


SCALING = Scaling()
DOUBLING = Doubling()
WAYS = {
    "copy": lambda x: x * worth(copy.copy(SCALING)),
    "deepcopy": lambda x: x * worth(copy.deepcopy(SCALING)),
    "pickle": lambda x: x * worth(pickle.loads(pickle.dumps(SCALING))),
    "format": lambda x: x * float("{.factor}".format(SCALING)),  # noqa: UP032
    "format_map": lambda x: x * float("{s.factor}".format_map({"s": SCALING})),
    "getattribute": lambda x: x * DOUBLING.factor,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_attribute_that_is_read_in_an_unusual_way_is_followed(
    way: str, monkeypatch: Any
) -> None:
    compiled = steep.compile(WAYS[way])
    for value in (2.0, 3.0, 4.0):
        monkeypatch.setattr(SCALING, "factor", value)
        monkeypatch.setattr(DOUBLING, "level", value / 2)
        assert compiled(ones()).tolist() == [value] * 2
        settle(compiled, ones())
        assert replays(compiled)


class Tripled(steep.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 3

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * 3


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_a_function_with_a_gradient_of_its_own_may_be_patched(part: str, monkeypatch: Any) -> None:
    def step(x: Any) -> Any:
        leaf = x.detach().requires_grad_()
        out = Tripled.apply(leaf)
        return out.detach(), *steep.autograd.grad(out.sum(), leaf)

    compiled = steep.compile(step)
    for factor in (2, 5, 7):
        other = staticmethod(functools.partial(lambda k, ctx, x: x * k, factor))
        monkeypatch.setattr(Tripled, part, other)
        assert [t.tolist() for t in compiled(ones())] == [t.tolist() for t in step(ones())]
        settle(compiled, ones())
        assert replays(compiled)


COUNTS: dict[str, Callable[[Any], int]] = {
    "parameters": lambda net: len(list(net.parameters())),
    "buffers": lambda net: len(list(net.buffers())),
    "state_dict": lambda net: len(net.state_dict()),
    "get_parameter": lambda net: len(net.get_parameter("0.weight")),
    "get_submodule": lambda net: net.get_submodule("0").out_features,
}


@pytest.mark.parametrize("what", COUNTS)
def test_members_that_are_reached_by_walking_are_followed(what: str) -> None:
    net, count = nn.Sequential(nn.Linear(2, 3)), COUNTS[what]
    compiled = steep.compile(lambda x: x * count(net))
    for size in (4, 5, 6):
        assert compiled(ones()).tolist() == [float(count(net))] * 2
        settle(compiled, ones())
        assert replays(compiled)
        setattr(net[0], f"more{size}", nn.Parameter(ones()))
        net[0].register_buffer(f"seen{size}", ones())
        net[0].weight = nn.Parameter(steep.ones(size, 2))
        net[0].out_features = size


KEPT: list[Any] = []


@pytest.mark.parametrize(
    "function",
    [
        lambda x: KEPT,
        lambda x: {"kept": KEPT, "x": x + 1},
        lambda x: [KEPT, [KEPT], x + 1],
    ],
    ids=["alone", "inside", "twice"],
)
def test_a_list_that_a_replay_would_not_return_again_keeps_it_eager(function: Any) -> None:
    """Whoever appends to the result appends to that very list."""
    compiled = steep.compile(function)
    with pytest.warns(UserWarning, match="a list it returns is also kept elsewhere"):
        result = called(compiled, ones())
    assert not replays(compiled)
    if function(ones()) is KEPT:
        assert result is KEPT


@pytest.mark.parametrize(
    ("function", "pick"),
    [
        (lambda x: (lambda part: (part, part))([x + 1]), lambda r: (r[0], r[1])),
        (lambda x: ([1, [2]] * 2, x + 1), lambda r: (r[0][1], r[0][3])),
    ],
    ids=["twice", "the same inside"],
)
def test_a_list_in_two_places_of_a_result_is_one_list(function: Any, pick: Any) -> None:
    compiled = steep.compile(function)
    results = [compiled(ones()) for _ in range(6)]
    assert replays(compiled) > 0
    for result in results:
        first, second = pick(result)
        assert first is second
    assert pick(results[-1])[0] is not pick(results[-2])[0]


def test_lists_made_inside_are_returned_by_replays() -> None:
    compiled = steep.compile(lambda x: [[x + 1], {"a": [1, (2, [3])]}, (4, 5)])
    first, second = settle(compiled, ones()), compiled(ones())
    assert replays(compiled)
    assert first is not second
    assert second[1:] == first[1:]
