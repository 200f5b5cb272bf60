"""`Cauchy`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.distribution import Distribution, Shape

__all__ = ["Cauchy"]


class Cauchy(Distribution):
    """The Cauchy distribution: density ``1 / (pi scale (1 + ((x - loc) / scale)**2))``.

    Args:
        loc: the median, a tensor or a number.
        scale: half of the distance between the quartiles, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for a scale that is not above 0.

    Example:
        >>> import steep
        >>> steep.distributions.Cauchy(0.0, 1.0).cdf(steep.tensor(1.0))
        tensor(0.7500)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real
    has_rsample = True
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        (self.loc, self.scale), shape = broadcast(loc, scale)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """NaN: there is none."""
        return steep.full_like(self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        """`loc`."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """Infinite."""
        return steep.full_like(self.loc, math.inf)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """``loc + scale`` times standard draws."""
        drawn = steep.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype).cauchy_()
        return self.loc + drawn * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        apart = ((value - self.loc) / self.scale) ** 2
        return -math.log(math.pi) - self.scale.log() - apart.log1p()

    def cdf(self, value: Tensor) -> Tensor:
        """``atan((x - loc) / scale) / pi + 1 / 2``."""
        self._validate_sample(value)
        return steep.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        """``loc + scale tan(pi (p - 1 / 2))``."""
        return steep.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        """``log(4 pi scale)``."""
        return math.log(4 * math.pi) + self.scale.log()
