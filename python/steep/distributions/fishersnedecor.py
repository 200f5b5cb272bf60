"""`FisherSnedecor`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.gamma import Gamma

__all__ = ["FisherSnedecor"]


class FisherSnedecor(Distribution):
    """The F distribution: the ratio of two `Chi2` draws, each divided by its degrees of freedom.

    Args:
        df1: degrees of freedom of the first, above 0, a tensor or a number.
        df2: those of the second.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.FisherSnedecor(2.0, 4.0).mean
        tensor(2.)
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}  # noqa: RUF012
    support = constraints.positive
    has_rsample = True
    df1: Tensor
    df2: Tensor

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        (self.df1, self.df2), shape = broadcast(df1, df2)
        self._gamma1 = Gamma(self.df1 * 0.5, self.df1, False)
        self._gamma2 = Gamma(self.df2 * 0.5, self.df2, False)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """``df2 / (df2 - 2)``; NaN up to 2."""
        return (self.df2 / (self.df2 - 2)).masked_fill(self.df2 <= 2, math.nan)

    @property
    def mode(self) -> Tensor:
        """``(df1 - 2) / df1 df2 / (df2 + 2)``; NaN up to a `df1` of 2."""
        found = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return found.masked_fill(self.df1 <= 2, math.nan)

    @property
    def variance(self) -> Tensor:
        """NaN up to a `df2` of 4."""
        df1, df2 = self.df1, self.df2.masked_fill(self.df2 <= 4, math.nan)
        return 2 * df2**2 * (df1 + df2 - 2) / (df1 * (df2 - 2) ** 2 * (df2 - 4))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """The ratio of gamma draws."""
        top, bottom = self._gamma1.rsample(sample_shape), self._gamma2.rsample(sample_shape)
        tiny = steep.finfo(bottom.dtype).tiny
        return (top / bottom.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        half1, half2, ratio = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        weight = steep.lgamma(half1 + half2) - steep.lgamma(half1) - steep.lgamma(half2)
        power = half1 * ratio.log() + (half1 - 1) * value.log()
        return weight + power - (half1 + half2) * (ratio * value).log1p()
