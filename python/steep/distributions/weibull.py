"""`Weibull`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.continuous import Exponential
from steep.distributions.maps import AffineTransform
from steep.distributions.regions import PowerTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["Weibull"]

_EULER = 0.5772156649015329


class Weibull(TransformedDistribution):
    """``scale`` times a power of an exponential draw: lifetimes.

    Args:
        scale: above 0, a tensor or a number.
        concentration: the inverse of the power, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.Weibull(2.0, 1.0).mean
        tensor(2.)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}  # noqa: RUF012
    support = constraints.positive
    scale: Tensor
    concentration: Tensor

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        (self.scale, self.concentration), _ = broadcast(scale, concentration)
        base = Exponential(steep.ones_like(self.scale), validate_args=False)
        power = PowerTransform(self.concentration.reciprocal())
        super().__init__(base, [power, AffineTransform(0, self.scale)], validate_args)

    @property
    def mean(self) -> Tensor:
        """``scale gamma(1 + 1 / concentration)``."""
        return self.scale * self._moment(1).exp()

    @property
    def mode(self) -> Tensor:
        """``scale ((k - 1) / k)**(1 / k)``, at least 0."""
        k = self.concentration
        return self.scale * ((k - 1) / k).clamp(min=0) ** k.reciprocal()

    @property
    def variance(self) -> Tensor:
        """``scale**2 (gamma(1 + 2 / k) - gamma(1 + 1 / k)**2)``."""
        return self.scale**2 * (self._moment(2).exp() - (2 * self._moment(1)).exp())

    def entropy(self) -> Tensor:
        """In nats."""
        inverse = self.concentration.reciprocal()
        return _EULER * (1 - inverse) + (self.scale * inverse).log() + 1

    def _moment(self, order: int) -> Tensor:
        return steep.lgamma(1 + order * self.concentration.reciprocal())
