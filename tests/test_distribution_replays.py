"""Draws and densities in compiled functions."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from compiling import replays
from families import FAMILIES, ROOT, double
from steep import distributions as d
from tolerances import same_bits


@pytest.mark.parametrize(
    "name", sorted(set(FAMILIES) - {"MultivariateNormal", "LowRankMultivariateNormal"})
)
def test_draws_and_densities_are_replayed(name: str) -> None:
    one = FAMILIES[name][0]()

    def step(x: Any) -> Any:
        z = one.rsample() if one.has_rsample else one.sample()
        return z, one.log_prob(z) * x

    compiled = steep.compile(step)
    for i in range(5):
        results = []
        for run in (compiled, step):
            steep.manual_seed(i)
            results.append([r.detach().numpy() for r in run(steep.tensor(i + 1.0))])
        for got, expected in zip(*results, strict=True):
            same_bits(got, expected)
    assert replays(compiled) > 0, compiled.explain()


def test_draws_of_vectors_are_replayed() -> None:
    """Their densities solve a triangular system, and are eager."""
    factor = double(ROOT)

    def draw(loc: Any) -> Any:
        return d.MultivariateNormal(loc, scale_tril=factor).rsample()

    compiled = steep.compile(draw)
    for i in range(5):
        results = []
        for run in (compiled, draw):
            steep.manual_seed(i)
            results.append(run(double([i, -i])).numpy())
        same_bits(*results)
    assert replays(compiled) > 0, compiled.explain()


def test_a_step_through_draws_of_shares_is_replayed() -> None:
    """As of a topic model: gamma and Dirichlet draws, a divergence, and its gradient."""
    prior = d.Dirichlet(steep.ones(3))

    def step(x: Any, alpha: Any) -> Any:
        posterior = d.Dirichlet(steep.nn.functional.softplus(alpha))
        loss = (posterior.rsample() * x).sum() + d.kl_divergence(posterior, prior).sum()
        return loss, steep.autograd.grad(loss, alpha)[0]

    compiled = steep.compile(step)
    alpha = steep.rand(4, 3).requires_grad_()
    for i in range(6):
        results = []
        for run in (compiled, step):
            steep.manual_seed(i)
            results.append([r.detach().numpy() for r in run(steep.ones(4, 3) * i, alpha)])
        for got, expected in zip(*results, strict=True):
            same_bits(got, expected)
    assert replays(compiled) > 0, compiled.explain()
