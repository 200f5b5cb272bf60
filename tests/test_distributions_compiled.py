"""Distributions in compiled functions and under `vmap`: the eager bits, and the eager refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from steep import distributions as d
from tolerances import close, same_bits


@pytest.mark.parametrize("early", [True, False], ids=["argument", "computed"])
def test_a_replay_refuses_what_the_function_does(early: bool) -> None:
    weight = steep.nn.Parameter(steep.tensor([0.5, 1.0]))

    def step(x: Any) -> Any:
        scale = x if early else x * weight
        loss = -d.Normal(0.0, scale).log_prob(x * weight).mean()
        weight.grad = None
        loss.backward()
        return loss

    compiled = steep.compile(step)
    good, bad = steep.tensor([0.5, 1.5]), steep.tensor([0.5, -1.5])
    for _ in range(5):
        assert compiled(good).item() == step(good).item()
    assert replays(compiled) == 2
    errors = []
    for one in (step, compiled):
        weight.grad = None
        with pytest.raises(ValueError, match=r"above 0, got -1\.5") as caught:
            one(bad)
        errors.append(str(caught.value))
        assert weight.grad is None
    assert errors[0] == errors[1]
    assert compiled(good).item() == step(good).item()


def test_checks_look_at_every_example_of_a_vmap() -> None:
    x = steep.tensor([[0.1, 0.2], [0.3, 0.4]])

    def density(row: Any) -> Any:
        return d.Normal(row, row.exp()).log_prob(row * 2).sum()

    found = steep.func.vmap(density)(x)
    close(found.numpy(), np.array([density(row).item() for row in x], np.float32), 4)
    with pytest.raises(ValueError, match=r"above 0, got -0\.25 at position 3"):
        steep.func.vmap(lambda row: d.Normal(0.0, row).mean)(steep.tensor([[1.0, 2], [3, -0.25]]))


def test_a_policy_gradient_step_is_replayed() -> None:
    """Draws, log-probabilities and an entropy in a compiled step: the bits of the eager one."""
    results = []
    for compiled in (False, True):
        steep.manual_seed(5)
        model = steep.nn.Linear(3, 4)
        optimizer = steep.optim.SGD(model.parameters(), 0.1)

        def step(x: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            policy = d.Categorical(logits=model(x))
            action = policy.sample()
            loss = -(policy.log_prob(action) * x.sum(1)).mean() - 0.01 * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = steep.compile(step) if compiled else step
        for i in range(8):
            loss = run(steep.ones(6, 3) * i)
        results.append((loss.detach().numpy(), model.weight.detach().numpy()))
        if compiled:
            assert replays(run) > 0, run.explain()
    for got, expected in zip(*results, strict=True):
        same_bits(got, expected)


def test_a_reparametrised_draw_is_replayed() -> None:
    loc = steep.zeros(3, requires_grad=True)

    def step(x: Any) -> Any:
        z = d.Normal(loc, x).rsample()
        return steep.autograd.grad((z * z).sum(), loc)[0]

    compiled = steep.compile(step)
    for i in range(7):
        results = []
        for run in (compiled, step):
            steep.manual_seed(i)
            results.append(run(steep.ones(3) * (i + 1)).numpy())
        same_bits(*results)
    assert replays(compiled) > 0, compiled.explain()
