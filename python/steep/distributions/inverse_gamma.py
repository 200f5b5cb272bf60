"""`InverseGamma`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.gamma import Gamma
from steep.distributions.regions import PowerTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    """The reciprocal of a `Gamma` draw: density ``rate**a x**(-a - 1) exp(-rate / x) / gamma(a)``.

    The usual prior of a variance (Gelman et al., "Bayesian Data Analysis", appendix A).

    Args:
        concentration: a, above 0, a tensor or a number.
        rate: that of the gamma draw, above 0; the scale of this distribution.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for parameters and values that are not above 0.

    Example:
        >>> import steep
        >>> variance = steep.distributions.InverseGamma(3.0, 2.0)
        >>> variance.mean, variance.log_prob(steep.tensor(1.0))
        (tensor(1.), tensor(-0.6137))
    """

    arg_constraints = {  # noqa: RUF012
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True
    concentration: Tensor
    rate: Tensor

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        (self.concentration, self.rate), _ = broadcast(concentration, rate)
        base = Gamma(self.concentration, self.rate, False)
        reciprocal = PowerTransform(-steep.ones((), dtype=self.rate.dtype))
        super().__init__(base, [reciprocal], validate_args)

    @property
    def mean(self) -> Tensor:
        """``rate / (concentration - 1)``; infinite up to a concentration of 1."""
        found = self.rate / (self.concentration - 1)
        return found.masked_fill(self.concentration <= 1, math.inf)

    @property
    def mode(self) -> Tensor:
        """``rate / (concentration + 1)``."""
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        """``rate**2 / ((a - 1)**2 (a - 2))``; infinite up to a concentration of 2."""
        a = self.concentration
        found = self.rate**2 / ((a - 1) ** 2 * (a - 2))
        return found.masked_fill(a <= 2, math.inf)

    def entropy(self) -> Tensor:
        """``a + log(rate) + lgamma(a) - (1 + a) digamma(a)``."""
        a = self.concentration
        return a + self.rate.log() + steep.lgamma(a) - (1.0 + a) * steep.digamma(a)
