"""`Gamma`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor, _standard_gamma
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.distribution import Distribution, Shape

__all__ = ["Gamma"]


class Gamma(Distribution):
    """The gamma distribution: density ``rate**a x**(a - 1) exp(-rate x) / gamma(a)``.

    Args:
        concentration: a, above 0, a tensor or a number.
        rate: the inverse of the scale, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for parameters and values that are not above 0 (values may be 0).

    Draws carry gradients to both parameters, by implicit reparameterisation (Figurnov, Mohamed and
    Mnih, "Implicit reparameterization gradients", 2018).

    Example:
        >>> import steep
        >>> waiting = steep.distributions.Gamma(2.0, 0.5)
        >>> waiting.mean, waiting.log_prob(steep.tensor(2.0))
        (tensor(4.), tensor(-1.6931))
    """

    arg_constraints = {  # noqa: RUF012
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative
    has_rsample = True
    concentration: Tensor
    rate: Tensor

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        (self.concentration, self.rate), shape = broadcast(concentration, rate)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """``concentration / rate``."""
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        """``(concentration - 1) / rate``, at least 0."""
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        """``concentration / rate**2``."""
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws at rate 1, divided by `rate`."""
        shape = self._extended_shape(sample_shape)
        value = _standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        return value.clamp(min=steep.finfo(value.dtype).tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        value = steep.as_tensor(value, dtype=self.rate.dtype)
        self._validate_sample(value)
        shape, rate = self.concentration, self.rate
        density = steep.xlogy(shape, rate) + steep.xlogy(shape - 1, value) - rate * value
        return density - steep.lgamma(shape)

    def cdf(self, value: Tensor) -> Tensor:
        """``igamma(concentration, rate value)``."""
        self._validate_sample(value)
        return steep.igamma(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        """``a - log(rate) + lgamma(a) + (1 - a) digamma(a)``."""
        a = self.concentration
        return a - self.rate.log() + steep.lgamma(a) + (1.0 - a) * steep.digamma(a)
