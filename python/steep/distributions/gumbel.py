"""`Gumbel`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.continuous import Uniform
from steep.distributions.maps import AffineTransform, ExpTransform
from steep.distributions.transformed import TransformedDistribution

__all__ = ["Gumbel"]

_EULER = 0.5772156649015329


class Gumbel(TransformedDistribution):
    """The largest of many draws: probability ``exp(-exp(-(x - loc) / scale))`` of draws up to x.

    Args:
        loc: the mode, a tensor or a number.
        scale: above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.Gumbel(0.0, 1.0).mean
        tensor(0.5772)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        (self.loc, self.scale), _ = broadcast(loc, scale)
        info = steep.finfo(self.loc.dtype)
        low = steep.full_like(self.loc, info.tiny)
        base = Uniform(low, steep.full_like(self.loc, 1 - info.eps), False)
        ones = steep.ones_like(self.scale)
        transforms = [
            ExpTransform().inv,
            AffineTransform(0, -ones),
            ExpTransform().inv,
            AffineTransform(self.loc, -self.scale),
        ]
        super().__init__(base, transforms, validate_args)

    @property
    def mean(self) -> Tensor:
        """``loc + scale`` times Euler's constant."""
        return self.loc + self.scale * _EULER

    @property
    def mode(self) -> Tensor:
        """`loc`."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """``scale pi / sqrt(6)``."""
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Tensor:
        """``(scale pi)**2 / 6``."""
        return self.stddev**2

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        """``exp(-exp(-(x - loc) / scale))``."""
        self._validate_sample(value)
        return (-((self.loc - value) / self.scale).exp()).exp()

    def icdf(self, value: Tensor) -> Tensor:
        """The way back."""
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Tensor:
        """``log(scale) + 1`` and Euler's constant."""
        return self.scale.log() + (1 + _EULER)
