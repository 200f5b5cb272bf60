"""`Kumaraswamy`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.continuous import Uniform
from steep.distributions.maps import AffineTransform
from steep.distributions.regions import PowerTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["Kumaraswamy"]

_EULER = 0.5772156649015329


class Kumaraswamy(TransformedDistribution):
    """Shares much like those of `Beta`, with a closed form for everything.

    The density is ``a b x**(a - 1) (1 - x**a)**(b - 1)`` (Kumaraswamy, "A generalized probability
    density function for double-bounded random processes", 1980).

    Args:
        concentration1: a, above 0, a tensor or a number.
        concentration0: b, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for parameters that are not above 0, and values outside of 0 to 1.

    Example:
        >>> import steep
        >>> share = steep.distributions.Kumaraswamy(1.0, 3.0)
        >>> share.mean, share.cdf(steep.tensor(0.5))
        (tensor(0.2500), tensor(0.8750))
    """

    arg_constraints = {  # noqa: RUF012
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True
    concentration1: Tensor
    concentration0: Tensor

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        (self.concentration1, self.concentration0), _ = broadcast(concentration1, concentration0)
        zero = steep.zeros_like(self.concentration0.detach())
        parts = [
            PowerTransform(self.concentration0.reciprocal()),
            AffineTransform(1.0, -1.0),
            PowerTransform(self.concentration1.reciprocal()),
        ]
        super().__init__(Uniform(zero, zero + 1, validate_args=False), parts, validate_args)

    @property
    def mean(self) -> Tensor:
        """``b B(1 + 1 / a, b)``, of the beta function B."""
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        """``((a - 1) / (a b - 1))**(1 / a)``; NaN where a or b is below 1, and where both are 1."""
        a, b = self.concentration1, self.concentration0
        found = ((a - 1) / (a * b - 1)) ** a.reciprocal()
        return found.masked_fill((a < 1) | (b < 1), math.nan)

    @property
    def variance(self) -> Tensor:
        """``b B(1 + 2 / a, b)`` less the square of the mean."""
        return self._moment(2) - self._moment(1) ** 2

    def entropy(self) -> Tensor:
        """``1 - 1 / b + (1 - 1 / a) (digamma(b + 1) + Euler's constant) - log(a b)``."""
        a, b = self.concentration1, self.concentration0
        harmonic = steep.digamma(b + 1) + _EULER
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()

    def _moment(self, order: int) -> Tensor:
        b, first = self.concentration0, 1 + order / self.concentration1
        return b * (steep.lgamma(first) + steep.lgamma(b) - steep.lgamma(first + b)).exp()
