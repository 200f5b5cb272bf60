"""`Binomial`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast, either
from steep.distributions.constraints import Constraint
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.lazy import BinaryParameters

__all__ = ["Binomial"]


class Binomial(BinaryParameters, Distribution):
    """The number of successes among `total_count` trials.

    Args:
        total_count: how many trials, a tensor or a number. Default: 1.
        probs: the probability of a success; or
        logits: the logarithm of the odds.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: unless exactly one of both is given; for probabilities beyond 0 and 1, and
            values that are no counts up to `total_count`.

    Example:
        >>> import steep
        >>> wins = steep.distributions.Binomial(4, probs=steep.tensor(0.5))
        >>> wins.log_prob(steep.tensor(2.0)).exp()
        tensor(0.3750)
    """

    arg_constraints = {  # noqa: RUF012
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        (given, count), shape = broadcast(either("Binomial", probs, logits), total_count)
        self.__dict__["logits" if probs is None else "probs"] = given
        self.total_count = count.to(given.dtype)
        super().__init__(shape, validate_args=validate_args)

    @property
    def support(self) -> Constraint:
        """Counts up to `total_count`."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        """``total_count probs``."""
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        """``(total_count + 1) probs``, rounded down."""
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        """``total_count probs (1 - probs)``."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Counts, in the dtype of the parameter."""
        shape = self._extended_shape(sample_shape)
        with steep.no_grad():
            return steep.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability."""
        self._validate_sample(value)
        count, logits = self.total_count, self.logits
        ways = steep.lgamma(count + 1) - steep.lgamma(value + 1) - steep.lgamma(count - value + 1)
        # count log(1 + exp(logits)), without overflow, and with its slope at 0.
        every = count * steep.logaddexp(logits, steep.zeros_like(logits))
        return ways + value * logits - every

    def entropy(self) -> Tensor:
        """A sum over all counts; one `total_count` for all."""
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All counts, along a new first dimension.

        Raises:
            NotImplementedError: for more than one `total_count`.
        """
        most = int(self.total_count.max().item())
        if int(self.total_count.min().item()) != most:
            raise NotImplementedError(
                "Inhomogeneous total count not supported by `enumerate_support`."
            )
        values = steep.arange(1 + most, dtype=self.total_count.dtype)
        values = values.reshape(-1, *(1,) * len(self._batch_shape))
        return values.expand(1 + most, *self._batch_shape) if expand else values
