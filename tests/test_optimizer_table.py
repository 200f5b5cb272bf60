"""Every optimiser with every setting of its row: compiled, copied, resumed in other dtypes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import steep
from cases import OPTIMIZERS
from compiling import replays
from optim_support import CASES, make_params, run
from runner import numpy
from steep import nn
from tolerances import same_bits


class Training:
    """A small network, and a step of its optimiser."""

    def __init__(self, kind: Any, settings: dict[str, Any]) -> None:
        steep.manual_seed(3)
        self.model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2))
        self.params = OPTIMIZERS[kind.__name__].takes(self.model.parameters())
        self.optimizer = kind(self.params, **settings)

    def step(self, x: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.model(x).square().mean()
        loss.backward()
        self.optimizer.step()
        return loss

    def state(self) -> list[Any]:
        params = list(self.model.parameters())
        kept = [
            x for p in params for x in self.optimizer.state.get(p, {}).values() if x is not None
        ]
        return numpy([*params, *kept])


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_a_compiled_step_has_the_same_bits(kind: Any, settings: dict[str, Any]) -> None:
    """With a learning rate that changes on the way."""
    plain, other = Training(kind, settings), Training(kind, settings)
    compiled = steep.compile(other.step)
    for i in range(12):
        x = steep.randn(4, 5)
        for training in (plain, other):
            training.optimizer.param_groups[0]["lr"] = settings["lr"] * 0.9 ** (i // 4)
        same_bits(compiled(x).detach().numpy(), plain.step(x).detach().numpy())
        for got, expected in zip(other.state(), plain.state(), strict=True):
            same_bits(got, expected)
    assert replays(compiled) > 0, compiled.explain()


def lowered(value: Any) -> Any:
    """A setting that is a number a little lower; a pair of them, too."""
    if isinstance(value, tuple):
        return tuple(map(lowered, value))
    return value * 0.9 if isinstance(value, float) and value else value


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_replays_follow_every_number_of_a_group(kind: Any, settings: dict[str, Any]) -> None:
    """Rates, betas and all others: no call is recorded anew for them."""
    plain, other = Training(kind, settings), Training(kind, settings)
    compiled = steep.compile(other.step)
    for i in range(9):
        x = steep.randn(4, 5)
        if i > 4:
            assert replays(compiled) > 0, compiled.explain()
            before = replays(compiled)
            for training in (plain, other):
                group = training.optimizer.param_groups[0]
                group.update({name: lowered(v) for name, v in group.items() if name != "params"})
        same_bits(compiled(x).detach().numpy(), plain.step(x).detach().numpy())
        if i > 4:
            assert replays(compiled) == before + 1, compiled.explain()
        for got, expected in zip(other.state(), plain.state(), strict=True):
            same_bits(got, expected)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_copies_go_on_alike(kind: Any, settings: dict[str, Any], clone: Any) -> None:
    first = Training(kind, settings)
    batches = [steep.randn(4, 5) for _ in range(5)]
    for x in batches[:2]:
        first.step(x)
    second = Training(kind, settings)
    second.model, second.optimizer = clone((first.model, first.optimizer))
    before = first.state()
    for x in batches[2:]:
        second.step(x)
    for kept, old in zip(first.state(), before, strict=True):
        same_bits(kept, old)
    for x in batches[2:]:
        first.step(x)
    for got, expected in zip(second.state(), first.state(), strict=True):
        same_bits(got, expected)


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_repr_names_the_class_and_its_settings(kind: Any, settings: dict[str, Any]) -> None:
    text = repr(kind(make_params(kind=kind), **settings))
    assert text.startswith(f"{kind.__name__} (\nParameter Group 0\n")
    for name, value in settings.items():
        assert f"    {name}: {value}\n" in text


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_state_is_loaded_into_float32(kind: Any, settings: dict[str, Any]) -> None:
    params = make_params(steep.float64, kind)
    source = kind(params, **settings)
    run(source, params, 2)
    narrow = make_params(steep.float32, kind)
    target = kind(narrow, lr=9.0)
    target.load_state_dict(source.state_dict())
    for p, q in zip(params, narrow, strict=True):
        assert source.state[p].keys() == target.state[q].keys()
        for name, x in target.state[q].items():
            assert x is None or x.dtype == steep.float32
            assert x is None or x.tolist() == source.state[p][name].to(x.dtype).tolist()
    run(target, narrow, 1)
