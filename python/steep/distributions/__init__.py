"""Probability distributions, under PyTorch's names: draws, log-probabilities, entropies, KL.

Example:
    >>> import steep
    >>> policy = steep.distributions.Categorical(logits=steep.zeros(2, 3, requires_grad=True))
    >>> loss = -(policy.log_prob(policy.sample()) * steep.ones(2)).mean()
    >>> loss.backward()
"""

from steep.distributions import constraints, kl, transforms
from steep.distributions.continuous import Exponential, Laplace, Uniform
from steep.distributions.discrete import (
    Bernoulli,
    Categorical,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
)
from steep.distributions.distribution import Distribution
from steep.distributions.kl import kl_divergence, register_kl
from steep.distributions.normal import LogNormal, Normal
from steep.distributions.transformed import Independent, TransformedDistribution
from steep.distributions.transforms import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
    Transform,
)

__all__ = [
    "AffineTransform",
    "Bernoulli",
    "Categorical",
    "ComposeTransform",
    "Distribution",
    "ExpTransform",
    "Exponential",
    "Independent",
    "Laplace",
    "LogNormal",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "SigmoidTransform",
    "SoftplusTransform",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "constraints",
    "kl",
    "kl_divergence",
    "register_kl",
    "transforms",
]
