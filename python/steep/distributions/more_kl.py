"""Formulas of the Kullback-Leibler divergence of further kinds; `kl_divergence` finds them."""

from __future__ import annotations

import math

import steep
from steep import linalg
from steep._core import Tensor
from steep.distributions.beta import Beta
from steep.distributions.binomial import Binomial
from steep.distributions.cauchy import Cauchy
from steep.distributions.continuous import Exponential, Laplace, Uniform
from steep.distributions.continuous_bernoulli import ContinuousBernoulli
from steep.distributions.dirichlet import Dirichlet
from steep.distributions.discrete import Bernoulli
from steep.distributions.distribution import Distribution
from steep.distributions.gamma import Gamma
from steep.distributions.geometric import Geometric
from steep.distributions.gumbel import Gumbel
from steep.distributions.half_normal import HalfNormal
from steep.distributions.kl import kl_divergence, register_kl
from steep.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from steep.distributions.multivariate_normal import MultivariateNormal
from steep.distributions.normal import Normal
from steep.distributions.pareto import Pareto
from steep.distributions.poisson import Poisson

__all__: list[str] = []

_EULER = 0.5772156649015329
_Vectors = LowRankMultivariateNormal | MultivariateNormal


# ---- one kind -----------------------------------------------------------------------------------


@register_kl(Gamma, Gamma)
def _gammas(p: Gamma, q: Gamma) -> Tensor:
    rates = q.concentration * (p.rate / q.rate).log()
    weights = steep.lgamma(q.concentration) - steep.lgamma(p.concentration)
    powers = (p.concentration - q.concentration) * steep.digamma(p.concentration)
    return rates + weights + powers + (q.rate - p.rate) * (p.concentration / p.rate)


@register_kl(Dirichlet, Dirichlet)
def _dirichlets(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    weights = steep.lgamma(total) - steep.lgamma(b.sum(-1))
    weights = weights + (steep.lgamma(b) - steep.lgamma(a)).sum(-1)
    logs = steep.digamma(a) - steep.digamma(total)[..., None]
    return weights + ((a - b) * logs).sum(-1)


@register_kl(Beta, Beta)
def _betas(p: Beta, q: Beta) -> Tensor:
    return _dirichlets(p._dirichlet, q._dirichlet)


@register_kl(Binomial, Binomial)
def _binomials(p: Binomial, q: Binomial) -> Tensor:
    found = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p())
    found = found - p.total_count * (-q.probs).log1p()
    return found.masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Geometric, Geometric)
def _geometrics(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Gumbel, Gumbel)
def _gumbels(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    apart = (q.loc - p.loc) / q.scale
    moved = (apart + steep.lgamma(1 + ratio)).exp()
    return -ratio.log() - apart + ratio * _EULER + moved - (1 + _EULER)


@register_kl(HalfNormal, HalfNormal)
def _half_normals(p: HalfNormal, q: HalfNormal) -> Tensor:
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Pareto, Pareto)
def _paretos(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    found = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return found.masked_fill(p.scale < q.scale, math.inf)


@register_kl(Poisson, Poisson)
def _poissons(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Cauchy, Cauchy)
def _cauchys(p: Cauchy, q: Cauchy) -> Tensor:
    """Chyzak and Nielsen, "A closed-form formula for the divergence between Cauchy laws" (2019)."""
    apart = ((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2).log()
    return apart - (4 * p.scale * q.scale).log()


@register_kl(MultivariateNormal, MultivariateNormal)
def _vectors(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be "
            "computed"
        )
    size = p.event_shape[0]
    batch = steep.broadcast_shapes(p.batch_shape, q.batch_shape)
    below = q._factor.expand((*batch, size, size))
    factor = p._factor.expand((*batch, size, size))
    apart = (q.loc - p.loc).expand((*batch, size))[..., None]
    solved = linalg.solve_triangular(below, steep.cat([factor, apart], -1), upper=False)
    return q._log_scale() - p._log_scale() + 0.5 * ((solved**2).sum((-2, -1)) - size)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _factor_models(p: _Vectors, q: _Vectors) -> Tensor:
    """``(trace(Q^-1 P) + d^T Q^-1 d - n + log det Q - log det P) / 2`` of covariances P and Q."""
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two (Low Rank) Multivariate Normals with different event "
            "shapes cannot be computed"
        )
    inverse, apart = q.precision_matrix, q.loc - p.loc
    distance = ((inverse @ apart[..., None])[..., 0] * apart).sum(-1)
    trace = (inverse * p.covariance_matrix).sum((-2, -1))
    return q._log_scale() - p._log_scale() + 0.5 * (trace + distance - p.event_shape[0])


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoullis(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    weights = p._log_constant() + (-p.probs).log1p() - q._log_constant() - (-q.probs).log1p()
    return weights + p.mean * (p.logits - q.logits)


# ---- two kinds ----------------------------------------------------------------------------------


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, Uniform)
def _beta_uniform(p: Beta, q: Uniform) -> Tensor:
    found = -p.entropy() + (q.high - q.low).log()
    return found.masked_fill((q.low > 0) | (q.high < 1), math.inf)


@register_kl(Beta, Normal)
def _beta_normal(p: Beta, q: Normal) -> Tensor:
    return -p.entropy() + _cross_normal(p.mean, p.variance, q)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    ratio = q.rate / p.rate
    powers = -q.concentration * ratio.log() + ratio + steep.lgamma(q.concentration)
    return powers + q.concentration * _EULER - (1 + _EULER)


@register_kl(Exponential, Normal)
def _exponential_normal(p: Exponential, q: Normal) -> Tensor:
    return -p.entropy() + _cross_normal(p.mean, p.variance, q)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Gamma, Normal)
def _gamma_normal(p: Gamma, q: Normal) -> Tensor:
    return -p.entropy() + _cross_normal(p.mean, p.variance, q)


@register_kl(Gumbel, Normal)
def _gumbel_normal(p: Gumbel, q: Normal) -> Tensor:
    return -p.entropy() + _cross_normal(p.mean, p.variance, q)


@register_kl(Laplace, Normal)
def _laplace_normal(p: Laplace, q: Normal) -> Tensor:
    return -p.entropy() + _cross_normal(p.mean, p.variance, q)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    apart = p.loc - q.loc
    ratio = apart / p.scale
    spread = math.sqrt(2 / math.pi) * p.scale * (-0.5 * ratio**2).exp()
    mean = spread + apart * steep.erf(math.sqrt(0.5) * ratio)
    return -p.entropy() + (2 * q.scale).log() + mean / q.scale


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Pareto, q: Exponential) -> Tensor:
    found = -p.entropy() - q.rate.log() + q.rate * p.mean
    return found.masked_fill(p.alpha <= 1, math.inf)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    found = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return found.masked_fill(p.low < 0, math.inf)


@register_kl(Beta, Exponential)
def _beta_exponential(p: Beta, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    a, b = p.concentration1, p.concentration0
    return -p.entropy() + _cross_gamma(p.mean, steep.digamma(a) - steep.digamma(a + b), q)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    mean_log = p.scale.log() + p.alpha.reciprocal()
    found = -p.entropy() + _cross_gamma(p.mean, mean_log, q)
    return found.masked_fill(p.alpha <= 1, math.inf)


@register_kl(Pareto, Normal)
def _pareto_normal(p: Pareto, q: Normal) -> Tensor:
    found = -p.entropy() + _cross_normal(p.mean, p.variance, q)
    return found.masked_fill(p.alpha <= 2, math.inf)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    found = -p.entropy() + _cross_gamma(p.mean, _mean_log(p.low, p.high), q)
    return found.masked_fill(p.low < 0, math.inf)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    weight = steep.lgamma(a) + steep.lgamma(b) - steep.lgamma(a + b)
    logs = (a - 1) * _mean_log(p.low, p.high) + (b - 1) * _mean_log(1 - p.high, 1 - p.low)
    return (-p.entropy() + weight - logs).masked_fill((p.low < 0) | (p.high > 1), math.inf)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    cross = (q.alpha + 1) * _mean_log(p.low, p.high) - (q.alpha * q.scale**q.alpha).log()
    return (-p.entropy() + cross).masked_fill(p.low < q.scale, math.inf)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    ratio = p.rate * q.scale
    return _to_gumbel(p, q, -(ratio.reciprocal()).log1p())


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    ratio = p.rate * q.scale
    return _to_gumbel(p, q, -p.concentration * ratio.reciprocal().log1p())


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    return _to_gumbel(p, q, (p.scale / q.scale) ** 2 / 2 - p.loc / q.scale)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    width = (p.high - p.low) / q.scale
    return _to_gumbel(p, q, (-(-width).expm1() / width).log() - p.low / q.scale)


# Whatever lies where the other has no mass.
@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
@register_kl(Exponential, Beta)
@register_kl(Exponential, Pareto)
@register_kl(Exponential, Uniform)
@register_kl(Gamma, Beta)
@register_kl(Gamma, Pareto)
@register_kl(Gamma, Uniform)
@register_kl(Laplace, Beta)
@register_kl(Laplace, Exponential)
@register_kl(Laplace, Gamma)
@register_kl(Laplace, Pareto)
@register_kl(Laplace, Uniform)
@register_kl(Normal, Beta)
@register_kl(Normal, Exponential)
@register_kl(Normal, Gamma)
@register_kl(Normal, Pareto)
@register_kl(Normal, Uniform)
@register_kl(Beta, Pareto)
@register_kl(Gumbel, Beta)
@register_kl(Gumbel, Exponential)
@register_kl(Gumbel, Gamma)
@register_kl(Gumbel, Pareto)
@register_kl(Gumbel, Uniform)
@register_kl(Pareto, Beta)
@register_kl(Pareto, Uniform)
def _without_mass(p: Distribution, q: Distribution) -> Tensor:
    shape = steep.broadcast_shapes(p.batch_shape, q.batch_shape)
    return steep.full(shape, math.inf, dtype=p.mean.dtype)


def _cross_normal(mean: Tensor, variance: Tensor, q: Normal) -> Tensor:
    """The mean of ``-log q(x)`` of draws with this mean and variance."""
    spread = (variance + (mean - q.loc) ** 2) / (2 * q.scale**2)
    return q.scale.log() + 0.5 * math.log(2 * math.pi) + spread


def _cross_gamma(mean: Tensor, mean_log: Tensor, q: Gamma) -> Tensor:
    """The same of a gamma distribution; `mean_log` is the mean of log(x)."""
    a = q.concentration
    return steep.lgamma(a) - a * q.rate.log() - (a - 1) * mean_log + q.rate * mean


def _mean_log(low: Tensor, high: Tensor) -> Tensor:
    """The mean of log(x) of x between two bounds."""
    return (steep.xlogy(high, high) - steep.xlogy(low, low)) / (high - low) - 1


def _to_gumbel(p: Distribution, q: Gumbel, log_moment: Tensor) -> Tensor:
    """`log_moment` is the logarithm of p's mean of ``exp(-x / q.scale)``."""
    cross = q.scale.log() + (p.mean - q.loc) / q.scale + (q.loc / q.scale + log_moment).exp()
    return -p.entropy() + cross
