"""`HalfCauchy`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.cauchy import Cauchy
from steep.distributions.regions import AbsTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["HalfCauchy"]


class HalfCauchy(TransformedDistribution):
    """The absolute value of a draw of a `Cauchy` distribution around 0.

    Args:
        scale: half of the distance between the quartiles of that draw, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.HalfCauchy(1.0).cdf(steep.tensor(1.0))
        tensor(0.5000)
    """

    arg_constraints = {"scale": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    base_dist: Cauchy

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0.0, scale, False), AbsTransform(), validate_args)

    @property
    def scale(self) -> Tensor:
        """That of the Cauchy distribution."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        """Infinite."""
        return steep.full_like(self.scale, math.inf)

    @property
    def mode(self) -> Tensor:
        """0."""
        return steep.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        """Infinite."""
        return steep.full_like(self.scale, math.inf)

    def log_prob(self, value: Tensor) -> Tensor:
        """Twice the Cauchy density, on one side."""
        self._validate_sample(value)
        found = self.base_dist.log_prob(value) + math.log(2)
        return steep.where(value >= 0, found, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        """``2 cdf(value) - 1`` of the Cauchy draw."""
        self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        """The way back."""
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        """That of the Cauchy draw, less ``log(2)``."""
        return self.base_dist.entropy() - math.log(2)
