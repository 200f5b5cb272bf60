"""`NegativeBinomial`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast, either
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.lazy import BinaryParameters

__all__ = ["NegativeBinomial"]


class NegativeBinomial(BinaryParameters, Distribution):
    """The number of successes before `total_count` failures.

    Its variance exceeds its mean, as that of most counts does: a `Poisson` distribution whose rate
    is itself drawn from a `Gamma` distribution. So `total_count` n may be any number:
    ``gamma(n + k) / (gamma(n) k!) (1 - probs)**n probs**k``.

    Args:
        total_count: n, 0 or above, a tensor or a number.
        probs: the probability of a success, from 0 and below 1; or
        logits: the logarithm of the odds, any number.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: unless exactly one of both is given; for a negative n, probabilities that are
            negative or not below 1, and values that are no counts.

    Example:
        >>> import steep
        >>> d = steep.distributions.NegativeBinomial(3.0, probs=0.5)
        >>> d.mean, d.variance, d.log_prob(steep.tensor(0.0)).exp()
        (tensor(3.), tensor(6.), tensor(0.1250))
    """

    arg_constraints = {  # noqa: RUF012
        "total_count": constraints.nonnegative,
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    total_count: Tensor

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        (given, count), shape = broadcast(either("NegativeBinomial", probs, logits), total_count)
        self.__dict__["logits" if probs is None else "probs"] = given
        self.total_count = count.to(given.dtype)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """``total_count probs / (1 - probs)``."""
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        """``(total_count - 1) probs / (1 - probs)``, rounded down; 0 at least."""
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        """``mean / (1 - probs)``."""
        return self.mean / steep.sigmoid(-self.logits)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Counts, in the dtype of the parameter, at rates that are drawn for each of them."""
        shape = self._extended_shape(sample_shape)
        with steep.no_grad():
            rates = steep._core._standard_gamma(self.total_count.expand(shape))
            return steep.poisson(rates / (-self.logits).exp())

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability."""
        self._validate_sample(value)
        value = value.to(self.total_count.dtype)
        # No failure to wait for is no success for certain; of gamma(0) only the ratio is known.
        certain = (self.total_count == 0) & (value == 0)
        count = self.total_count.masked_fill(certain, 1.0)
        ways = steep.lgamma(count + value) - steep.lgamma(count) - steep.lgamma(value + 1)
        log_of = steep.nn.functional.logsigmoid
        return ways + self.total_count * log_of(-self.logits) + value * log_of(self.logits)
