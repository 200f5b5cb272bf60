"""State that alternates from call to call: a program for each, however they take turns."""

from __future__ import annotations

import gc
import types
import weakref
from typing import Any

import pytest

import steep
from compiling import F, called, nn, ones, reason, replays
from tolerances import same_bits


def net() -> Any:
    return nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 2))


def sides(count: int) -> list[tuple[list[Any], Any]]:
    """Networks and their optimiser, twice."""
    made = []
    for _ in range(2):
        steep.manual_seed(0)
        nets = [net() for _ in range(count)]
        parameters = [p for one in nets for p in one.parameters()]
        made.append((nets, steep.optim.Adam(parameters, lr=0.1)))
    return made


def test_modes_in_turn_are_replayed() -> None:
    layer = net()
    compiled = steep.compile(lambda x: layer(x).detach(), fullgraph=True)
    x = steep.ones(3, 4)
    for i in range(20):
        layer.train(i % 2 == 0)
        steep.manual_seed(i)
        got = compiled(x)
        steep.manual_seed(i)
        same_bits(got.numpy(), layer(x).detach().numpy())
    assert len(compiled.programs()) == 2
    assert replays(compiled) == 15


@pytest.mark.parametrize("count", [2, 3, 12])
def test_models_in_turn_through_one_closure_are_replayed(count: int) -> None:
    plain, other = sides(count)

    def of(nets: list[Any], optimizer: Any) -> Any:
        state = types.SimpleNamespace(net=nets[0])

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = state.net(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss.item()

        return step, state

    (expected, first), (step, second) = of(*plain), of(*other)
    compiled = steep.compile(step)
    for i in range(6 * count):
        first.net, second.net = plain[0][i % count], other[0][i % count]
        x = steep.ones(3, 4) * i
        steep.manual_seed(i)
        wanted = expected(x)
        steep.manual_seed(i)
        assert compiled(x) == wanted
    assert not reason(compiled)
    assert replays(compiled) >= 2 * count
    for a, b in zip(plain[0], other[0], strict=True):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            same_bits(p.detach().numpy(), q.detach().numpy())


def test_models_that_a_number_chooses_are_replayed() -> None:
    """The number is followed until it proves to be an index."""
    nets = [nn.Linear(4, 2) for _ in range(5)]
    state = types.SimpleNamespace(current=0)
    compiled = steep.compile(lambda x: nets[state.current](x).detach(), fullgraph=True)
    for i in range(60):
        state.current = i % 5
        x = steep.ones(1, 4) * i
        same_bits(compiled(x).numpy(), nets[i % 5](x).detach().numpy())
    assert len(compiled.programs()) == 5
    assert replays(compiled) >= 30


@pytest.mark.filterwarnings("ignore:compile")
def test_an_index_that_never_comes_again_is_named_with_its_line() -> None:
    table = [float(i) for i in range(60)]
    state = types.SimpleNamespace(current=0)
    compiled = steep.compile(lambda x: x * table[state.current])
    for i in range(60):
        state.current = i
        assert compiled(ones()).tolist() == [float(i)] * 2
    assert "a number whose value Python code depends on" in reason(compiled)
    assert "table[state.current]" in reason(compiled)


@pytest.mark.filterwarnings("ignore:compile")
def test_a_number_is_followed_again_after_it_was_an_index() -> None:
    """Nothing is given up for good."""
    state = types.SimpleNamespace(current=0, looks=True)
    pair = [1.0, 2.0]

    def function(x: Any) -> Any:
        return x * (pair[state.current % 2] if state.looks else state.current + 0.5)

    compiled = steep.compile(function)
    for i in range(200):
        state.current, state.looks = 3 * i, i < 20
        assert compiled(ones()).tolist() == function(ones()).tolist()
    assert replays(compiled) > 50


@pytest.mark.filterwarnings("ignore:compile")
def test_what_never_comes_again_is_eager_with_a_reason() -> None:
    class Scale:
        def __init__(self, value: int) -> None:
            self.value = ones(value)

    state = types.SimpleNamespace(scale=Scale(1))
    compiled = steep.compile(lambda x: x * state.scale.value)
    for i in range(40):
        state.scale = Scale(i)
        assert compiled(ones()).tolist() == [float(i)] * 2
    assert not compiled.programs()
    assert "is replaced at every call" in reason(compiled)


def test_recordings_of_state_that_has_gone_are_dropped() -> None:
    """They would keep it alive."""
    state = types.SimpleNamespace(net=nn.Linear(4, 2))
    compiled = steep.compile(lambda x: F.relu(state.net(x)).sum().detach())
    gone = []
    for _ in range(4):
        state.net = nn.Linear(4, 2)
        gone.append(weakref.ref(state.net))
        compiled(steep.ones(1, 4))
    state.net = nn.Linear(4, 2)
    called(compiled, steep.ones(1, 4))
    gc.collect()
    assert len(compiled.programs()) == 1
    assert not any(one() for one in gone)
