"""Regions, the maps onto them, and divergences of distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import steep
from steep import distributions as d
from tolerances import close

RNG = np.random.default_rng(6)


def double(array: Any) -> Any:
    return steep.from_numpy(np.array(array, np.float64))


ROOT = np.array([[1.2, 0.0], [0.5, 0.8]])
COVARIANCE = ROOT @ ROOT.T


# ---- regions and the maps onto them -------------------------------------------------------------

C = d.constraints


@pytest.mark.parametrize(
    "region",
    [
        C.real,
        C.positive,
        C.nonnegative,
        C.greater_than(2.0),
        C.less_than(-1.0),
        C.unit_interval,
        C.interval(-2.0, 3.0),
        C.half_open_interval(0.0, 2.0),
        C.simplex,
        C.real_vector,
        C.lower_cholesky,
        C.positive_definite,
        C.independent(C.positive, 1),
    ],
    ids=repr,
)
@pytest.mark.parametrize("registry", [d.transform_to, d.biject_to], ids=["transform", "biject"])
def test_maps_lead_into_their_region(registry: Any, region: Any) -> None:
    x = double(RNG.normal(size=(2, 3, 3)))
    onto = registry(region)
    y = onto(x)
    assert region.check(y).all()
    back = onto(onto.inv(y))
    close(back.numpy(), y.numpy(), 256)


def test_a_region_without_a_map_and_one_of_the_users() -> None:
    class Even(C.Constraint):
        is_discrete = True

        def check(self, value: Any) -> Any:
            return value % 2 == 0

    with pytest.raises(NotImplementedError, match="Cannot transform Even"):
        d.biject_to(Even())
    d.biject_to.register(Even, lambda _: d.AffineTransform(0, 2))
    assert d.biject_to(Even())(steep.tensor(3.0)).item() == 6.0
    with pytest.raises(TypeError, match="Expected constraint"):
        d.biject_to.register(int, lambda _: d.ExpTransform())

    class Doubled(d.Distribution):
        arg_constraints = {"count": Even()}  # noqa: RUF012
        support = Even()

        def __init__(self, count: Any) -> None:
            self.count = count
            super().__init__(count.shape)

        def log_prob(self, value: Any) -> Any:
            self._validate_sample(value)
            return -(value + self.count)

    one = Doubled(steep.tensor([2.0, 4.0]))
    assert one.expand((3, 2)).log_prob(steep.tensor(2.0)).shape == (3, 2)
    with pytest.raises(ValueError, match="within the support"):
        one.log_prob(steep.tensor(1.0))
    with pytest.raises(ValueError, match="parameter count"):
        Doubled(steep.tensor([1.0]))


@pytest.mark.parametrize(
    "transform",
    [d.PowerTransform(double(2.5)), d.StickBreakingTransform()],
    ids=lambda t: type(t).__name__,
)
def test_maps_and_their_stretch(transform: Any) -> None:
    x = double(RNG.uniform(0.2, 2, 3)).requires_grad_()
    y = transform(x)
    rows = [steep.autograd.grad(v, x, retain_graph=True)[0].numpy() for v in y[:3]]
    stretch = transform.log_abs_det_jacobian(x, y).detach().sum()
    close(stretch.numpy(), np.asarray(np.linalg.slogdet(np.array(rows))[1]), 64)


# ---- divergences --------------------------------------------------------------------------------

HALF = (double(0.6), double(1.4))
PAIRS: dict[str, tuple[Any, Any]] = {
    "gamma": (d.Gamma(2.0, 1.5), d.Gamma(1.2, 0.7)),
    "beta": (d.Beta(2.0, 1.5), d.Beta(1.2, 0.7)),
    "dirichlet": (d.Dirichlet(double([2.0, 1.5])), d.Dirichlet(double([1.2, 3.0]))),
    "poisson": (d.Poisson(3.0), d.Poisson(2.0)),
    "binomial": (d.Binomial(5, double(0.3)), d.Binomial(5, double(0.6))),
    "geometric": (d.Geometric(0.4), d.Geometric(0.6)),
    "gumbel": (d.Gumbel(0.3, 0.8), d.Gumbel(-0.2, 1.1)),
    "cauchy": (d.Cauchy(0.3, 0.8), d.Cauchy(-0.2, 1.1)),
    "half normal": (d.HalfNormal(0.8), d.HalfNormal(1.1)),
    "pareto": (d.Pareto(1.2, 3.0), d.Pareto(1.0, 2.0)),
    "vectors": (
        d.MultivariateNormal(double([0.3, 0.1]), double(COVARIANCE)),
        d.MultivariateNormal(double([0.0, 0.0]), double(np.eye(2))),
    ),
    "beta, uniform": (d.Beta(2.0, 1.5), d.Uniform(-0.5, 1.5)),
    "beta, normal": (d.Beta(2.0, 1.5), d.Normal(0.2, 1.1)),
    "beta, exponential": (d.Beta(2.0, 1.5), d.Exponential(1.1)),
    "beta, gamma": (d.Beta(2.0, 1.5), d.Gamma(1.4, 1.1)),
    "exponential, gamma": (d.Exponential(1.3), d.Gamma(1.4, 1.1)),
    "exponential, normal": (d.Exponential(1.3), d.Normal(0.4, 1.1)),
    "exponential, gumbel": (d.Exponential(1.3), d.Gumbel(0.4, 1.1)),
    "gamma, exponential": (d.Gamma(2.0, 1.5), d.Exponential(0.8)),
    "gamma, normal": (d.Gamma(2.0, 1.5), d.Normal(0.8, 1.2)),
    "gamma, gumbel": (d.Gamma(2.0, 1.5), d.Gumbel(0.8, 1.2)),
    "gumbel, normal": (d.Gumbel(0.3, 0.8), d.Normal(0.8, 1.2)),
    "laplace, normal": (d.Laplace(0.3, 0.8), d.Normal(0.8, 1.2)),
    "normal, laplace": (d.Normal(0.3, 0.8), d.Laplace(0.8, 1.2)),
    "normal, gumbel": (d.Normal(0.3, 0.8), d.Gumbel(0.8, 1.2)),
    "pareto, exponential": (d.Pareto(1.2, 4.0), d.Exponential(0.8)),
    "pareto, gamma": (d.Pareto(1.2, 4.0), d.Gamma(0.8, 0.9)),
    "pareto, normal": (d.Pareto(1.2, 5.0), d.Normal(0.8, 1.9)),
    "uniform, exponential": (d.Uniform(0.2, 0.9), d.Exponential(0.8)),
    "uniform, gamma": (d.Uniform(0.2, 0.9), d.Gamma(0.8, 2.0)),
    "uniform, beta": (d.Uniform(0.2, 0.9), d.Beta(0.8, 2.0)),
    "uniform, pareto": (d.Uniform(0.2, 0.9), d.Pareto(0.1, 2.0)),
    "uniform, gumbel": (d.Uniform(0.2, 0.9), d.Gumbel(0.8, 2.0)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_divergence_is_the_mean_of_many_draws(name: str) -> None:
    p, q = PAIRS[name]
    steep.manual_seed(4)
    x = p.sample((60_000,))
    estimate = (p.log_prob(x) - q.log_prob(x)).double().mean().item()
    assert abs(d.kl_divergence(p, q).item() - estimate) < 0.03
    if type(p) is type(q):
        assert abs(d.kl_divergence(p, p).item()) < 1e-6


def test_divergence_where_one_has_no_mass() -> None:
    for p, q in (
        (d.Normal(steep.zeros(3), 1.0), d.Gamma(1.0, 1.0)),
        (d.Poisson(2.0), d.Bernoulli(0.5)),
        (d.Pareto(0.5, 2.0), d.Pareto(1.0, 2.0)),
        (d.Uniform(-1.0, 1.0), d.Exponential(1.0)),
    ):
        assert (d.kl_divergence(p, q) == math.inf).all()
