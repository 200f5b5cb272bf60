"""Families of `steep.distributions`, each with its density by the definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import steep
from steep import distributions as d
from steep.reference import OPS

RNG = np.random.default_rng(6)


def double(array: Any) -> Any:
    return steep.from_numpy(np.array(array, np.float64))


def gamma(x: Any) -> Any:
    return np.exp(OPS["lgamma"].forward(np.asarray(x, np.float64)))


def beta(a: Any, b: Any) -> Any:
    return gamma(a) * gamma(b) / gamma(a + b)


A, B = np.array([0.7, 1.8, 6.0]), np.array([2.5, 1.3, 0.9])
LOC, P = RNG.normal(size=3), np.array([0.2, 0.5, 0.85])
WEIGHTS = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
ROOT = np.array([[1.2, 0.0], [0.5, 0.8]])
COVARIANCE = ROOT @ ROOT.T


def _poisson(k: Any, rate: Any) -> Any:
    return rate**k * np.exp(-rate) / gamma(k + 1)


def _ways(n: Any, k: Any) -> Any:
    return gamma(n + 1) / gamma(k + 1) / gamma(n - k + 1)


def _vector(x: Any, loc: Any, covariance: Any) -> Any:
    apart = x - loc
    distance = (apart @ np.linalg.inv(covariance) * apart).sum(-1)
    return np.exp(-distance / 2) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))


def _student(x: Any, n: Any, m: Any, s: Any) -> Any:
    weight = gamma((n + 1) / 2) / gamma(n / 2) / np.sqrt(n * np.pi) / s
    return weight * (1 + ((x - m) / s) ** 2 / n) ** (-(n + 1) / 2)


def _fisher(x: Any, a: Any, b: Any) -> Any:
    odds = (a * x) ** a * b**b / (a * x + b) ** (a + b)
    return np.sqrt(odds) / (x * beta(a / 2, b / 2))


SHARES = np.array([0.2, 0.4995, 0.9])


def _continuous_constant(p: Any) -> Any:
    return 2 * np.arctanh(1 - 2 * p) / (1 - 2 * p)


def _relaxed(y: Any, t: float, p: Any) -> Any:
    """Maddison et al. (2017), equation 10, of the two shares."""
    one, other = p * y ** (-t), (1 - p) * (1 - y) ** (-t)
    return t * (one / y) * (other / (1 - y)) / (one + other) ** 2


# How each is made, and its density or probability from the definition.
FAMILIES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "Gamma": (
        lambda: d.Gamma(double(A), double(B)),
        lambda x: B**A * x ** (A - 1) * np.exp(-B * x) / gamma(A),
    ),
    "Chi2": (
        lambda: d.Chi2(double(A)),
        lambda x: x ** (A / 2 - 1) * np.exp(-x / 2) / (2 ** (A / 2) * gamma(A / 2)),
    ),
    "Beta": (
        lambda: d.Beta(double(A), double(B)),
        lambda x: x ** (A - 1) * (1 - x) ** (B - 1) / beta(A, B),
    ),
    "Dirichlet": (
        lambda: d.Dirichlet(double(np.stack([A, B]))),
        lambda x: (
            gamma(np.stack([A, B]).sum(-1))
            * (x ** (np.stack([A, B]) - 1) / gamma(np.stack([A, B]))).prod(-1)
        ),
    ),
    "Cauchy": (
        lambda: d.Cauchy(double(LOC), double(A)),
        lambda x: 1 / (np.pi * A * (1 + ((x - LOC) / A) ** 2)),
    ),
    "HalfCauchy": (
        lambda: d.HalfCauchy(double(A)),
        lambda x: 2 / (np.pi * A * (1 + (x / A) ** 2)),
    ),
    "HalfNormal": (
        lambda: d.HalfNormal(double(A)),
        lambda x: np.sqrt(2 / np.pi) / A * np.exp(-((x / A) ** 2) / 2),
    ),
    "StudentT": (
        lambda: d.StudentT(double(A + 4), double(LOC), double(B)),
        lambda x: _student(x, A + 4, LOC, B),
    ),
    "FisherSnedecor": (
        lambda: d.FisherSnedecor(double(A), double(B * 3 + 9)),
        lambda x: _fisher(x, A, B * 3 + 9),
    ),
    "Gumbel": (
        lambda: d.Gumbel(double(LOC), double(A)),
        lambda x: np.exp(-(x - LOC) / A - np.exp(-(x - LOC) / A)) / A,
    ),
    "Weibull": (
        lambda: d.Weibull(double(A), double(B)),
        lambda x: B / A * (x / A) ** (B - 1) * np.exp(-((x / A) ** B)),
    ),
    "Pareto": (
        lambda: d.Pareto(double(A), double(B + 4)),
        lambda x: (B + 4) * A ** (B + 4) / x ** (B + 5),
    ),
    "MultivariateNormal": (
        lambda: d.MultivariateNormal(double(LOC[:2]), double(COVARIANCE)),
        lambda x: _vector(x, LOC[:2], COVARIANCE),
    ),
    "RelaxedBernoulli": (
        lambda: d.RelaxedBernoulli(0.7, double(P)),
        lambda x: _relaxed(x, 0.7, P),
    ),
    "InverseGamma": (
        lambda: d.InverseGamma(double(A + 4), double(B)),
        lambda x: B ** (A + 4) * x ** (-A - 5) * np.exp(-B / x) / gamma(A + 4),
    ),
    "Kumaraswamy": (
        lambda: d.Kumaraswamy(double(A), double(B)),
        lambda x: A * B * x ** (A - 1) * (1 - x**A) ** (B - 1),
    ),
    "ContinuousBernoulli": (
        lambda: d.ContinuousBernoulli(double(SHARES)),
        lambda x: SHARES**x * (1 - SHARES) ** (1 - x) * _continuous_constant(SHARES),
    ),
    "LowRankMultivariateNormal": (
        lambda: d.LowRankMultivariateNormal(double(LOC[:2]), double(ROOT[:, :1]), double(A[:2])),
        lambda x: _vector(x, LOC[:2], ROOT[:, :1] @ ROOT[:, :1].T + np.diag(A[:2])),
    ),
    "Poisson": (lambda: d.Poisson(double(A)), lambda k: _poisson(k, A)),
    "Geometric": (lambda: d.Geometric(double(P)), lambda k: (1 - P) ** k * P),
    "Binomial": (
        lambda: d.Binomial(9, double(P)),
        lambda k: _ways(9, k) * P**k * (1 - P) ** (9 - k),
    ),
    "NegativeBinomial": (
        lambda: d.NegativeBinomial(double(A), double(P)),
        lambda k: gamma(A + k) / gamma(A) / gamma(k + 1) * (1 - P) ** A * P**k,
    ),
    "Multinomial": (
        lambda: d.Multinomial(5, double(WEIGHTS)),
        lambda k: gamma(6) * (WEIGHTS**k / gamma(k + 1)).prod(-1),
    ),
}
HEAVY = {"Cauchy", "HalfCauchy"}
WITHOUT_ENTROPY = {"Poisson", "FisherSnedecor", "NegativeBinomial", "RelaxedBernoulli"}
