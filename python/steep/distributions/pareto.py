"""`Pareto`."""

from __future__ import annotations

import math
from typing import Any

from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.constraints import Constraint
from steep.distributions.continuous import Exponential
from steep.distributions.maps import AffineTransform, ExpTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["Pareto"]


class Pareto(TransformedDistribution):
    """Draws of at least `scale`, beyond x with probability ``(scale / x)**alpha``.

    Args:
        scale: the least value, above 0, a tensor or a number.
        alpha: above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.Pareto(1.0, 2.0).mean
        tensor(2.)
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}  # noqa: RUF012
    scale: Tensor
    alpha: Tensor

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        (self.scale, self.alpha), _ = broadcast(scale, alpha)
        base = Exponential(self.alpha, False)
        maps = [ExpTransform(), AffineTransform(0, self.scale)]
        super().__init__(base, maps, validate_args)

    @property
    def support(self) -> Constraint:
        """From `scale` on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        """``alpha scale / (alpha - 1)``; infinite up to an `alpha` of 1."""
        found = self.alpha * self.scale / (self.alpha - 1)
        return found.masked_fill(self.alpha <= 1, math.inf)

    @property
    def mode(self) -> Tensor:
        """`scale`."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """Infinite up to an `alpha` of 2."""
        a = self.alpha
        found = self.scale**2 * a / ((a - 1) ** 2 * (a - 2))
        return found.masked_fill(a <= 2, math.inf)

    def entropy(self) -> Tensor:
        """``log(scale / alpha) + 1 + 1 / alpha``."""
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())
