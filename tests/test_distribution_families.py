"""Further families of `steep.distributions`: densities from their definitions, and moments.

Densities are integrated and summed here; that of each family stands in its row of `families`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from families import COVARIANCE, FAMILIES, HEAVY, LOC, ROOT, WEIGHTS, WITHOUT_ENTROPY, A, B, double
from steep import distributions as d
from steep.autograd import gradcheck
from steep.reference import OPS
from tolerances import close


@pytest.mark.parametrize("name", FAMILIES)
def test_density_is_that_of_the_definition(name: str) -> None:
    make, density = FAMILIES[name]
    steep.manual_seed(1)
    one = make()
    value = one.sample((6,))
    close(one.log_prob(value).exp().numpy(), density(value.numpy()), 64)
    larger = one.expand((4, *one.batch_shape))
    assert larger.batch_shape == (4, *one.batch_shape)
    close(larger.log_prob(value[0]).numpy()[3], one.log_prob(value[0]).numpy())
    assert larger.sample((2,)).shape == (2, 4, *one.batch_shape, *one.event_shape)
    assert type(larger) is type(one)
    assert name in repr(larger)


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - HEAVY - {"RelaxedBernoulli"}))
def test_moments_are_those_of_many_draws(name: str) -> None:
    steep.manual_seed(3)
    one = FAMILIES[name][0]()
    x = one.sample((60_000,))
    spread = one.variance.sqrt().numpy()
    assert (np.abs(x.mean(0).numpy() - one.mean.numpy()) < 0.03 * spread).all()
    assert (np.abs(x.std(0).numpy() / spread - 1) < 0.15).all()


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - WITHOUT_ENTROPY))
def test_entropy_is_the_mean_surprise(name: str) -> None:
    steep.manual_seed(4)
    one = FAMILIES[name][0]()
    x = one.sample((40_000,))
    assert np.abs(-one.log_prob(x).mean(0).numpy() - one.entropy().numpy()).max() < 0.05


@pytest.mark.parametrize(
    "name",
    [
        *("Cauchy", "HalfCauchy", "HalfNormal", "Gumbel", "Weibull", "Pareto", "Kumaraswamy"),
        "ContinuousBernoulli",
    ],
)
def test_quantiles_are_the_inverse_of_probabilities(name: str) -> None:
    one, shares = FAMILIES[name][0](), double([[0.05], [0.5], [0.9]])
    close(one.cdf(one.icdf(shares)).numpy(), shares.numpy() * np.ones(3), 64)


def test_probability_of_gamma_draws() -> None:
    one = d.Gamma(double(A), double(B))
    x = one.sample((3,))
    close(one.cdf(x).numpy(), OPS["igamma"].forward(A * np.ones((3, 3)), B * x.numpy()), 64)


@pytest.mark.parametrize(
    "name",
    [
        *("Gamma", "Beta", "StudentT", "Gumbel", "Weibull", "Pareto", "Cauchy", "FisherSnedecor"),
        *("InverseGamma", "Kumaraswamy", "LowRankMultivariateNormal"),
    ],
)
def test_gradients_of_densities(name: str) -> None:
    one = FAMILIES[name][0]()
    value = one.sample((2,))
    names = list(one.arg_constraints)
    leaves = tuple(getattr(one, n).detach().clone().requires_grad_() for n in names)

    def density(*parameters: Any) -> Any:
        made = type(one)(**dict(zip(names, parameters, strict=True)), validate_args=False)
        return made.log_prob(value)

    assert gradcheck(density, leaves)


@pytest.mark.parametrize("name", ["Gamma", "Beta", "Dirichlet", "StudentT", "Chi2"])
def test_draws_carry_the_gradient_of_the_mean(name: str) -> None:
    """The mean of many draws' slopes is the slope of the mean."""
    steep.manual_seed(7)
    one = FAMILIES[name][0]()
    names = list(one.arg_constraints)
    leaves = [getattr(one, n).detach().clone().requires_grad_() for n in names]
    weight = double(np.arange(1.0, 1 + one.mean.shape[-1]))
    drawn = (type(one)(*leaves).rsample((12_000,)).mean(0) * weight).sum()
    found = steep.autograd.grad(drawn, leaves)
    mean = (type(one)(*leaves).mean * weight).sum()
    exact = steep.autograd.grad(mean, leaves, allow_unused=True)
    for got, expected in zip(found, exact, strict=True):
        want = np.zeros(got.shape) if expected is None else expected.numpy()
        assert np.abs(got.numpy() - want).max() < 0.12 * max(1.0, np.abs(want).max())


# ---- matrices, mixtures, shares -----------------------------------------------------------------


@pytest.mark.parametrize("way", ["covariance_matrix", "precision_matrix", "scale_tril"])
def test_a_matrix_may_be_given_in_three_ways(way: str) -> None:
    given = {
        "covariance_matrix": COVARIANCE,
        "precision_matrix": np.linalg.inv(COVARIANCE),
        "scale_tril": ROOT,
    }
    loc = double(LOC[:2])
    one = d.MultivariateNormal(loc, **{way: double(given[way])})
    for name, expected in given.items():
        close(getattr(one, name).numpy(), expected, 64)
    close(one.variance.numpy(), np.diag(COVARIANCE), 16)
    leaf = double(given["scale_tril"]).requires_grad_()
    assert gradcheck(
        lambda r: d.MultivariateNormal(loc, scale_tril=r.tril()).log_prob(loc + 1), (leaf,)
    )


def test_a_mixture() -> None:
    loc, scale = double([[-1.0, 2.0], [0.0, 1.0]]), double([[0.5, 1.0], [1.0, 2.0]])
    weights = double([[0.3, 0.7], [0.5, 0.5]])
    two = d.MixtureSameFamily(d.Categorical(weights), d.Normal(loc, scale))
    x = two.sample((50_000,))
    assert np.abs(x.mean(0).numpy() - two.mean.numpy()).max() < 0.05
    assert np.abs(x.var(0).numpy() - two.variance.numpy()).max() < 0.1
    parts = d.Normal(loc, scale).log_prob(x[:5, :, None]).exp() * weights
    close(two.log_prob(x[:5]).exp().numpy(), parts.sum(-1).numpy(), 16)
    assert two.expand((3, 2)).sample().shape == (3, 2)
    assert (
        repr(two) == f"MixtureSameFamily(\n  {two.mixture_distribution},\n  {d.Normal(loc, scale)})"
    )
    with pytest.raises(ValueError, match="ends in 2"):
        d.MixtureSameFamily(d.Categorical(weights), d.Normal(loc[:, :1], 1.0))


@pytest.mark.parametrize("kind", ["LogisticNormal", "RelaxedOneHotCategorical"])
def test_relaxed_shares(kind: str) -> None:
    steep.manual_seed(2)
    if kind == "LogisticNormal":
        one = d.LogisticNormal(double(WEIGHTS), double([1.0]))
        shape = (5, 2, 4)
    else:
        one = d.RelaxedOneHotCategorical(double(0.6), double(WEIGHTS))
        shape = (5, 2, 3)
    x = one.rsample((5,))
    assert x.shape == shape
    close(x.sum(-1).numpy(), np.ones(shape[:-1]), 16)
    assert one.log_prob(x).shape == shape[:-1]
    assert one.has_rsample


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: d.Gamma(-1.0, 1.0), "parameter concentration to be above 0"),
        (lambda: d.Gamma(1.0, 1.0).log_prob(steep.tensor(-1.0)), "within the support"),
        (lambda: d.Chi2(-1.0), "parameter df to be above 0"),
        (lambda: d.Beta(1.0, 0.0), "parameter concentration0 to be above 0"),
        (lambda: d.Beta(1.0, 1.0).log_prob(steep.tensor(1.5)), "within the support"),
        (lambda: d.Dirichlet(steep.tensor(1.0)), "at least one-dimensional"),
        (lambda: d.Dirichlet(steep.ones(2)).log_prob(steep.ones(2)), "within the support"),
        (lambda: d.Poisson(-1.0), "parameter rate to be 0 or above"),
        (lambda: d.Poisson(1.0).log_prob(steep.tensor(0.5)), "within the support"),
        (lambda: d.Geometric(0.0), "parameter probs to be above 0"),
        (lambda: d.Geometric(), "but not both, got neither"),
        (lambda: d.Binomial(2, 0.5).log_prob(steep.tensor(3.0)), "within the support"),
        (lambda: d.Binomial(-1, 0.5), "total_count to be whole numbers from 0"),
        (lambda: d.NegativeBinomial(1.0, 1.0), "parameter probs"),
        (lambda: d.NegativeBinomial(-1.0, 0.5), "parameter total_count to be 0 or above"),
        (lambda: d.NegativeBinomial(1.0, 0.5).log_prob(steep.tensor(0.5)), "within the support"),
        (lambda: d.VonMises(0.0, 0.0), "parameter concentration to be above 0"),
        (lambda: d.VonMises(0.0, 1.0).log_prob(steep.tensor(math.nan)), "within the support"),
        (lambda: d.HalfNormal(-1.0), "parameter scale to be above 0"),
        (lambda: d.StudentT(0.0), "parameter df to be above 0"),
        (lambda: d.Weibull(1.0, -1.0), "parameter concentration to be above 0"),
        (lambda: d.Pareto(1.0, 1.0).log_prob(steep.tensor(0.5)), "within the support"),
        (lambda: d.InverseGamma(1.0, -1.0), "parameter rate to be above 0"),
        (lambda: d.Kumaraswamy(0.0, 1.0), "parameter concentration1 to be above 0"),
        (lambda: d.Kumaraswamy(1.0, 1.0).log_prob(steep.tensor(2.0)), "within the support"),
        (lambda: d.ContinuousBernoulli(), "but not both, got neither"),
        (lambda: d.ContinuousBernoulli(2.0), "parameter probs to lie between 0 and 1"),
        (lambda: d.LKJCholesky(1), "greater than or equal to 2, got 1"),
        (lambda: d.LKJCholesky(2, 0.0), "parameter concentration to be above 0"),
        (lambda: d.LKJCholesky(2).log_prob(2 * steep.eye(2)), "within the support"),
        (
            lambda: d.LowRankMultivariateNormal(steep.zeros(2), steep.ones(3, 1), steep.ones(2)),
            "shape 2 x m, got (3, 1)",
        ),
        (
            lambda: d.LowRankMultivariateNormal(steep.zeros(2), steep.ones(2, 1), steep.ones(3)),
            "vectors with shape 2, got (3,)",
        ),
        (
            lambda: d.LowRankMultivariateNormal(steep.zeros(2), steep.ones(2, 1), -steep.ones(2)),
            "parameter cov_diag to be above 0",
        ),
        (lambda: d.MultivariateNormal(steep.zeros(2)), "Exactly one of"),
        (lambda: d.MultivariateNormal(steep.zeros(2), steep.eye(3)), "of shape"),
        (lambda: d.MultivariateNormal(steep.zeros(2), -steep.eye(2)), "positive definite"),
        (
            lambda: d.MultivariateNormal(steep.zeros(2), scale_tril=steep.ones(2, 2)),
            "scale_tril to be lower triangular",
        ),
    ],
)
def test_bad_input_is_refused(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


def test_inhomogeneous_counts() -> None:
    with pytest.raises(NotImplementedError, match="total_count"):
        d.Multinomial(steep.tensor([1, 2]), steep.ones(2))
    with pytest.raises(NotImplementedError, match="Inhomogeneous"):
        d.Binomial(steep.tensor([1.0, 2.0]), 0.5).enumerate_support()
