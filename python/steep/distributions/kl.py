"""The Kullback-Leibler divergence of two distributions of known kinds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import steep
from steep._core import Tensor
from steep.distributions.continuous import Exponential, Laplace, Uniform
from steep.distributions.discrete import Bernoulli, Categorical, OneHotCategorical
from steep.distributions.distribution import Distribution
from steep.distributions.normal import Normal
from steep.distributions.transformed import Independent, TransformedDistribution

__all__ = ["kl_divergence", "register_kl"]

_Formula = Callable[[Any, Any], Tensor]
_F = TypeVar("_F", bound=_Formula)
_FORMULAS: dict[tuple[type, type], _Formula] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[_F], _F]:
    """A decorator that enters a formula for two kinds of distributions.

    Raises:
        TypeError: for what is no class of distributions.
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"register_kl: expected classes of Distribution, got {kind!r}")

    def enter(formula: _F) -> _F:
        _FORMULAS[type_p, type_q] = formula
        return formula

    return enter


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """``KL(p || q)``, the mean of ``log p(x) - log q(x)`` over draws of p; in nats.

    Shapes: the batch shape of both, broadcast.

    Raises:
        NotImplementedError: for kinds without a formula; estimate it by draws, or see
            `register_kl`.

    Example:
        >>> import steep
        >>> normal = steep.distributions.Normal
        >>> steep.distributions.kl_divergence(normal(1.0, 1.0), normal(0.0, 1.0))
        tensor(0.5000)
    """
    found = [
        (type(p).__mro__.index(a) + type(q).__mro__.index(b), formula)
        for (a, b), formula in _FORMULAS.items()
        if isinstance(p, a) and isinstance(q, b)
    ]
    if not found:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
            f"{type(q).__name__}; estimate it by (p.log_prob(x) - q.log_prob(x)).mean() of draws x "
            "of p, or enter a formula with register_kl"
        )
    return min(found, key=lambda pair: pair[0])[1](p, q)


@register_kl(Normal, Normal)
def _normals(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    apart = ((p.loc - q.loc) / q.scale) ** 2
    return 0.5 * (ratio + apart - 1 - ratio.log())


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Bernoulli, q: Bernoulli) -> Tensor:
    softplus, probs = steep.nn.functional.softplus, p.probs
    one = probs * (softplus(-q.logits) - softplus(-p.logits))
    none = (1 - probs) * (softplus(q.logits) - softplus(p.logits))
    one = one.masked_fill(probs == 0, 0.0).masked_fill(q.probs == 0, math.inf)
    none = none.masked_fill(probs == 1, 0.0).masked_fill(q.probs == 1, math.inf)
    return one.masked_fill(probs == 0, 0.0) + none.masked_fill(probs == 1, 0.0)


@register_kl(Categorical, Categorical)
def _categoricals(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = terms.masked_fill((q.probs == 0).expand(terms.shape), math.inf)
    return terms.masked_fill((p.probs == 0).expand(terms.shape), 0.0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hots(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categoricals(p._categorical, q._categorical)


@register_kl(Exponential, Exponential)
def _exponentials(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Laplace, Laplace)
def _laplaces(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    apart = (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * (-apart / p.scale).exp() - 1


@register_kl(Uniform, Uniform)
def _uniforms(p: Uniform, q: Uniform) -> Tensor:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return found.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(Uniform, Normal)
def _uniform_normal(p: Uniform, q: Normal) -> Tensor:
    width = p.high - p.low
    scaled = (width / q.scale) ** 2 / 12
    apart = (((p.high + p.low) / 2 - q.loc) / q.scale) ** 2
    return 0.5 * (scaled + apart) - (width / (math.sqrt(2 * math.pi) * q.scale)).log()


@register_kl(Independent, Independent)
def _independents(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: expected events of as many dimensions")
    found = kl_divergence(p.base_dist, q.base_dist)
    dims = p.reinterpreted_batch_ndims
    return found.sum(tuple(range(-dims, 0))) if dims else found


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("kl_divergence: expected the same transforms of both")
    return kl_divergence(p.base_dist, q.base_dist)
