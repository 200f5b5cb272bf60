"""`Poisson`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.distribution import Distribution, Shape

__all__ = ["Poisson"]


class Poisson(Distribution):
    """The number of events in a unit of time: ``rate**k exp(-rate) / k!``.

    Args:
        rate: their mean, 0 or above, a tensor or a number.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for a negative rate, and values that are no counts.

    Example:
        >>> import steep
        >>> steep.distributions.Poisson(3.0).log_prob(steep.tensor(2.0)).exp()
        tensor(0.2240)
    """

    arg_constraints = {"rate": constraints.nonnegative}  # noqa: RUF012
    support = constraints.nonnegative_integer
    rate: Tensor

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,), shape = broadcast(rate)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """`rate`."""
        return self.rate

    @property
    def mode(self) -> Tensor:
        """`rate`, rounded down."""
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        """`rate`."""
        return self.rate

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Counts, in the dtype of `rate`."""
        with steep.no_grad():
            return steep.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """``k log(rate) - rate - log(k!)``."""
        self._validate_sample(value)
        value = value.to(self.rate.dtype)
        return steep.xlogy(value, self.rate) - self.rate - steep.lgamma(value + 1)
