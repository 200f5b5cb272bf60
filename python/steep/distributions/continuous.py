"""`Uniform`, `Exponential` and `Laplace`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast, require
from steep.distributions.constraints import Constraint
from steep.distributions.distribution import Distribution, Shape

__all__ = ["Exponential", "Laplace", "Uniform"]


class Uniform(Distribution):
    """As likely everywhere from `low` up to, not including, `high`.

    Args:
        low: the lower end, a tensor or a number.
        high: the upper end, above `low`.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: if `high` is not above `low`; for values outside.

    Example:
        >>> import steep
        >>> steep.distributions.Uniform(0.0, 4.0).log_prob(steep.tensor(1.0)).exp()
        tensor(0.2500)
    """

    has_rsample = True
    arg_constraints = {"low": constraints.real, "high": constraints.real}  # noqa: RUF012
    low: Tensor
    high: Tensor

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        (self.low, self.high), shape = broadcast(low, high)
        super().__init__(shape, validate_args=validate_args)
        if self._validate_args:
            require(self.low < self.high, self.low, "Uniform is not defined when low >= high")

    @property
    def mean(self) -> Tensor:
        """``(low + high) / 2``."""
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        """NaN: all values are as likely."""
        return steep.full_like(self.low, float("nan"))

    @property
    def stddev(self) -> Tensor:
        """``(high - low) / sqrt(12)``."""
        return (self.high - self.low) / 12**0.5

    @property
    def variance(self) -> Tensor:
        """``(high - low)**2 / 12``."""
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """``low + rand (high - low)``."""
        drawn = steep.rand(self._extended_shape(sample_shape), dtype=self.low.dtype)
        return self.low + drawn * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        """``-log(high - low)`` within, minus infinity outside."""
        self._validate_sample(value)
        within = ((self.low <= value) & (self.high > value)).to(self.low.dtype)
        return within.log() - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        """The share of the interval below `value`."""
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        """The way back."""
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        """``log(high - low)``."""
        return (self.high - self.low).log()

    @property
    def support(self) -> Constraint:
        """Between `low` and `high`."""
        return constraints.interval(self.low, self.high)


class Exponential(Distribution):
    """The time to the next of events that come at a rate: density ``rate exp(-rate x)``.

    Args:
        rate: events in a unit of time, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for a rate that is not above 0; for negative values.

    Example:
        >>> import steep
        >>> steep.distributions.Exponential(2.0).mean
        tensor(0.5000)
    """

    has_rsample = True
    arg_constraints = {"rate": constraints.positive}  # noqa: RUF012
    rate: Tensor

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,), shape = broadcast(rate)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """``1 / rate``."""
        return self.rate.reciprocal()

    @property
    def mode(self) -> Tensor:
        """0."""
        return steep.zeros_like(self.rate)

    @property
    def stddev(self) -> Tensor:
        """``1 / rate``."""
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        """``1 / rate**2``."""
        return self.rate.pow(-2)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws at rate 1, divided by `rate`."""
        drawn = steep.empty(self._extended_shape(sample_shape), dtype=self.rate.dtype)
        return drawn.exponential_() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        """``log(rate) - rate value``."""
        self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        """``1 - exp(-rate value)``."""
        self._validate_sample(value)
        return 1 - (-self.rate * value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        """``-log(1 - value) / rate``."""
        return -(-value).log1p() / self.rate

    def entropy(self) -> Tensor:
        """``1 - log(rate)``."""
        return 1.0 - self.rate.log()

    @property
    def support(self) -> Constraint:
        """From 0 on."""
        return constraints.nonnegative


class Laplace(Distribution):
    """The Laplace distribution: density ``exp(-|x - loc| / scale) / (2 scale)``.

    Args:
        loc: the mean.
        scale: above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for a scale that is not above 0.

    Example:
        >>> import steep
        >>> steep.distributions.Laplace(0.0, 1.0).variance
        tensor(2.)
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
    def variance(self) -> Tensor:
        """``2 scale**2``."""
        return 2 * self.scale**2

    @property
    def stddev(self) -> Tensor:
        """``sqrt(2) scale``."""
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """``loc - scale sign(u) log(1 - |u|)``, with u uniform between -1 and 1."""
        drawn = steep.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        u = drawn.uniform_(steep.finfo(drawn.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of draws up to `value`."""
        self._validate_sample(value)
        apart = value - self.loc
        return 0.5 - 0.5 * apart.sign() * (-apart.abs() / self.scale).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        """The way back."""
        term = value - 0.5
        return self.loc - self.scale * term.sign() * (-2 * term.abs()).log1p()

    def entropy(self) -> Tensor:
        """``1 + log(2 scale)``."""
        return 1 + (2 * self.scale).log()

    @property
    def support(self) -> Constraint:
        """All numbers."""
        return constraints.real
