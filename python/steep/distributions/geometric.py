"""`Geometric`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast, either, require
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.lazy import BinaryParameters

__all__ = ["Geometric"]


class Geometric(BinaryParameters, Distribution):
    """The number of failures before the first success: ``(1 - probs)**k probs``.

    Args:
        probs: the probability of a success, above 0 and up to 1; or
        logits: the logarithm of the odds, any number.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: unless exactly one of both is given; for a probability of 0, and values that
            are no counts.

    Example:
        >>> import steep
        >>> steep.distributions.Geometric(0.25).mean
        tensor(3.)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.nonnegative_integer

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (given,), shape = broadcast(either("Geometric", probs, logits))
        self.__dict__["logits" if probs is None else "probs"] = given
        super().__init__(shape, validate_args=validate_args)
        if probs is not None and self._validate_args:
            require(given > 0, given, "Geometric: expected parameter probs to be above 0")

    @property
    def mean(self) -> Tensor:
        """``1 / probs - 1``."""
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        """0."""
        return steep.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        """``(1 / probs - 1) / probs``."""
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Counts, in the dtype of the parameter."""
        with steep.no_grad():
            probs = self.probs
            tiny = steep.finfo(probs.dtype).tiny
            drawn = steep.empty(self._extended_shape(sample_shape), dtype=probs.dtype)
            return (drawn.uniform_(tiny, 1).log() / (-probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        """``k log(1 - probs) + log(probs)``."""
        self._validate_sample(value)
        rest = (-self.probs).masked_fill((self.probs == 1) & (value == 0), 0.0)
        return value * rest.log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        """That of a trial, divided by `probs`."""
        loss = steep.nn.functional.binary_cross_entropy_with_logits
        return loss(self.logits, self.probs, reduction="none") / self.probs
