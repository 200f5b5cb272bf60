"""What `HalfNormal` and `HalfCauchy` share: absolute values of draws that are even around 0."""

from __future__ import annotations

import math

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.cauchy import Cauchy
from steep.distributions.normal import Normal
from steep.distributions.regions import AbsTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["Half"]


class Half(TransformedDistribution):
    """The absolute value of a draw of `base`, whose density is even around 0."""

    arg_constraints = {"scale": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    base_dist: Normal | Cauchy

    def __init__(self, base: Normal | Cauchy, validate_args: bool | None) -> None:
        super().__init__(base, AbsTransform(), validate_args)

    @property
    def scale(self) -> Tensor:
        """That of the draw on both sides."""
        return self.base_dist.scale

    @property
    def mode(self) -> Tensor:
        """0."""
        return steep.zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        """Twice the density of the draw on both sides."""
        self._validate_sample(value)
        found = self.base_dist.log_prob(value) + math.log(2)
        return steep.where(value >= 0, found, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        """``2 cdf(value) - 1`` of the draw on both sides."""
        self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        """The way back."""
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        """That of the draw on both sides, less ``log(2)``."""
        return self.base_dist.entropy() - math.log(2)
