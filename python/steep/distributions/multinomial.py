"""`Multinomial`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.binomial import Binomial
from steep.distributions.constraints import Constraint
from steep.distributions.discrete import Categorical
from steep.distributions.distribution import Distribution, Shape

__all__ = ["Multinomial"]


class Multinomial(Distribution):
    """How often each class comes up in `total_count` draws of a `Categorical`.

    Args:
        total_count: how many draws. Default: 1.
        probs: weights, as of `Categorical`; or
        logits: unnormalised log-probabilities.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        NotImplementedError: for a `total_count` that is no int.
        ValueError: as `Categorical`; for values that are no counts.

    Example:
        >>> import steep
        >>> dice = steep.distributions.Multinomial(6, steep.ones(3))
        >>> dice.mean, dice.sample().sum()
        (tensor([2., 2., 2.]), tensor(6.))
    """

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args)
        self._binomial = Binomial(total_count, probs=self.probs, validate_args=validate_args)
        events = (self._categorical._num_events,)
        super().__init__(self._categorical.batch_shape, events, validate_args)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Multinomial:
        """The same distribution, repeated to a larger batch."""
        new: Multinomial = object.__new__(type(self)) if _instance is None else _instance
        vars(new).update(vars(self))
        new._categorical = self._categorical.expand(batch_shape)
        new._binomial = self._binomial.expand((*batch_shape, *self.event_shape))
        new._batch_shape = new._categorical.batch_shape
        return new

    @property
    def probs(self) -> Tensor:
        """The probabilities of the classes."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def support(self) -> Constraint:
        """Counts that add up to `total_count` at most."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        """``total_count probs``."""
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        """``total_count probs (1 - probs)``."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Counts, in the dtype of the parameter."""
        drawn = self._categorical.sample((self.total_count, *sample_shape))
        counts = steep.zeros(self._extended_shape(sample_shape), dtype=self.probs.dtype)
        places = drawn.permute(*range(1, drawn.dim()), 0)
        return counts.scatter_add(-1, places, steep.ones(places.shape, dtype=counts.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability."""
        self._validate_sample(value)
        impossible = (value == 0) & (self.logits == -steep.inf)
        logits = self.logits.expand(impossible.shape).masked_fill(impossible, 0.0)
        ways = steep.lgamma(value.sum(-1) + 1) - steep.lgamma(value + 1).sum(-1)
        return ways + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        """In nats."""
        count = steep.tensor(float(self.total_count), dtype=self.probs.dtype)
        draws = count * self._categorical.entropy() - steep.lgamma(count + 1)
        support = self._binomial.enumerate_support(expand=False)[1:]
        weights = self._binomial.log_prob(support).exp() * steep.lgamma(support + 1)
        return draws + weights.sum((0, -1))

    def __repr__(self) -> str:
        classes = repr(self._categorical).partition("(")[2]
        return f"Multinomial(total_count: {self.total_count}, {classes}"
