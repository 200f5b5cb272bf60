"""`HalfNormal`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.normal import Normal
from steep.distributions.regions import AbsTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["HalfNormal"]


class HalfNormal(TransformedDistribution):
    """The absolute value of a normal draw around 0.

    Args:
        scale: the standard deviation of the normal draw, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.HalfNormal(1.0).mean
        tensor(0.7979)
    """

    arg_constraints = {"scale": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    base_dist: Normal

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0.0, scale, False), AbsTransform(), validate_args)

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the normal draw."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        """``scale sqrt(2 / pi)``."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Tensor:
        """0."""
        return steep.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        """``scale**2 (1 - 2 / pi)``."""
        return self.scale**2 * (1 - 2 / math.pi)

    def log_prob(self, value: Tensor) -> Tensor:
        """Twice the normal density, on one side."""
        self._validate_sample(value)
        found = self.base_dist.log_prob(value) + math.log(2)
        return steep.where(value >= 0, found, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        """``2 cdf(value) - 1`` of the normal draw."""
        self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        """The way back."""
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        """That of the normal draw, less ``log(2)``."""
        return self.base_dist.entropy() - math.log(2)
