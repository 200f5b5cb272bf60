"""`Normal` and `LogNormal`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.constraints import Constraint
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.maps import ExpTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["LogNormal", "Normal"]


class Normal(Distribution):
    """The normal distribution: density ``exp(-((x - loc) / scale)**2 / 2) / (scale sqrt(2 pi))``.

    Args:
        loc: the mean, a tensor or a number.
        scale: the standard deviation, above 0, a tensor or a number.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for parameters and values that are not allowed.

    Example:
        >>> import steep
        >>> normal = steep.distributions.Normal(0.0, 2.0)
        >>> normal.log_prob(steep.tensor(1.0)), normal.entropy()
        (tensor(-1.7371), tensor(2.1121))
    """

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        (self.loc, self.scale), shape = broadcast(loc, scale)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """`loc`."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """`loc`."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """`scale`."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """``scale**2``."""
        return self.scale**2

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """``loc + scale * randn``."""
        shape = self._extended_shape(sample_shape)
        return self.loc + steep.randn(shape, dtype=self.loc.dtype) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        apart = (value - self.loc) / self.scale
        return -(apart * apart) / 2 - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        """``(1 + erf((value - loc) / (scale sqrt(2)))) / 2``."""
        self._validate_sample(value)
        return (1 + steep.erf((value - self.loc) / (self.scale * math.sqrt(2)))) / 2

    def icdf(self, value: Tensor) -> Tensor:
        """``loc + scale sqrt(2) erfinv(2 value - 1)``."""
        return self.loc + self.scale * steep.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        """``(1 + log(2 pi)) / 2 + log(scale)``."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()

    @property
    def support(self) -> Constraint:
        """All numbers."""
        return constraints.real


class LogNormal(TransformedDistribution):
    """The exponential of a normal draw.

    Args:
        loc: the mean of the logarithm.
        scale: the standard deviation of the logarithm, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.LogNormal(0.0, 1.0).mean
        tensor(1.6487)
    """

    has_rsample = True
    base_dist: Normal

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        """``exp(loc + scale**2 / 2)``."""
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        """``exp(loc - scale**2)``."""
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        """``(exp(scale**2) - 1) exp(2 loc + scale**2)``."""
        squared = self.scale**2
        return squared.expm1() * (2 * self.loc + squared).exp()

    def entropy(self) -> Tensor:
        """That of the logarithm, plus `loc`."""
        return self.base_dist.entropy() + self.loc
