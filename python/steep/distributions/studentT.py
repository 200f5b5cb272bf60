"""`StudentT`."""  # noqa: N999  # PyTorch's name

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.chi2 import Chi2
from steep.distributions.distribution import Distribution, Shape

__all__ = ["StudentT"]


class StudentT(Distribution):
    """Student's t distribution: a normal draw over the root of a `Chi2` draw's mean.

    Args:
        df: degrees of freedom, above 0, a tensor or a number.
        loc: the median. Default: 0.
        scale: above 0. Default: 1.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for `df` or `scale` that are not above 0.

    Example:
        >>> import steep
        >>> steep.distributions.StudentT(3.0).variance
        tensor(3.)
    """

    arg_constraints = {  # noqa: RUF012
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True
    df: Tensor
    loc: Tensor
    scale: Tensor

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        (self.df, self.loc, self.scale), shape = broadcast(df, loc, scale)
        self._chi2 = Chi2(self.df, validate_args=False)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """`loc`; NaN up to 1 degree of freedom."""
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        """`loc`."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """``scale**2 df / (df - 2)``; infinite up to 2 degrees of freedom, NaN up to 1."""
        found = self.scale**2 * self.df / (self.df - 2)
        return found.masked_fill(self.df <= 2, math.inf).masked_fill(self.df <= 1, math.nan)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """``loc + scale randn / sqrt(chi2 / df)``."""
        drawn = steep.randn(self._extended_shape(sample_shape), dtype=self.df.dtype)
        return self.loc + self.scale * (
            drawn * steep.rsqrt(self._chi2.rsample(sample_shape) / self.df)
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        apart, half = (value - self.loc) / self.scale, (self.df + 1) / 2
        weight = steep.lgamma(half) - steep.lgamma(self.df / 2)
        density = weight - 0.5 * (self.df * math.pi).log() - self.scale.log()
        return density - half * (apart**2 / self.df).log1p()

    def entropy(self) -> Tensor:
        """In nats."""
        half, less = (self.df + 1) / 2, self.df / 2
        beta = steep.lgamma(less) + math.lgamma(0.5) - steep.lgamma(half)
        spread = half * (steep.digamma(half) - steep.digamma(less))
        return self.scale.log() + spread + 0.5 * self.df.log() + beta
