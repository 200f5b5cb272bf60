"""`Bernoulli`, `Categorical` and `OneHotCategorical`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Size, Tensor
from steep.distributions import constraints
from steep.distributions._common import as_logits, as_probabilities, broadcast, either
from steep.distributions.constraints import Constraint
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.lazy import BinaryParameters

__all__ = ["Bernoulli", "Categorical", "OneHotCategorical", "OneHotCategoricalStraightThrough"]


class Bernoulli(BinaryParameters, Distribution):
    """1 with the probability `probs`, else 0.

    Args:
        probs: the probability, from 0 to 1; or
        logits: the logarithm of the odds, any number.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: unless exactly one of both is given; for probabilities beyond 0 and 1.

    Example:
        >>> import steep
        >>> coin = steep.distributions.Bernoulli(steep.tensor([0.25]))
        >>> coin.log_prob(steep.tensor([1.0])).exp()
        tensor([0.2500])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (given,), shape = broadcast(either("Bernoulli", probs, logits))
        self.__dict__["logits" if probs is None else "probs"] = given
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """`probs`."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """1 where that is likelier, 0 where it is not, NaN where both are as likely."""
        likelier = (self.probs >= 0.5).to(self.probs.dtype)
        return likelier.masked_fill(self.probs == 0.5, float("nan"))

    @property
    def variance(self) -> Tensor:
        """``probs (1 - probs)``."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Zeros and ones."""
        with steep.no_grad():
            return steep.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the cross-entropy of the logits."""
        self._validate_sample(value)
        shape = steep.broadcast_shapes(self.logits.shape, value.shape)
        logits, value = self.logits.expand(shape), value.to(self.logits.dtype).expand(shape)
        loss = steep.nn.functional.binary_cross_entropy_with_logits
        return -loss(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        """That of both outcomes."""
        loss = steep.nn.functional.binary_cross_entropy_with_logits
        return loss(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 and 1, along a new first dimension."""
        dtype = self._parameters()["probs" if "probs" in self.__dict__ else "logits"].dtype
        values = steep.arange(2, dtype=dtype).reshape(-1, *(1,) * len(self.batch_shape))
        return values.expand(2, *self.batch_shape) if expand else values

    @property
    def support(self) -> Constraint:
        """0 and 1."""
        return constraints.boolean


class Categorical(Distribution):
    """Class i with the probability ``probs[..., i]``.

    Args:
        probs: weights 0 or above, not all of them 0, which are divided by their sum; or
        logits: unnormalised log-probabilities.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: unless exactly one of both is given; for a number, and negative weights.

    Example:
        >>> import steep
        >>> die = steep.distributions.Categorical(steep.tensor([1.0, 1.0, 2.0]))
        >>> die.probs, die.log_prob(steep.tensor(2)).exp()
        (tensor([0.2500, 0.2500, 0.5000]), tensor(0.5000))
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # noqa: RUF012
    has_enumerate_support = True
    probs: Tensor
    logits: Tensor

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        given = either(type(self).__name__, probs, logits)
        if not isinstance(given, Tensor) or given.dim() < 1:
            which = "logits" if probs is None else "probs"
            raise ValueError(f"`{which}` parameter must be at least one-dimensional.")
        if probs is None:
            self.logits = given - given.logsumexp(-1, keepdim=True)
        else:
            self.probs = given / given.sum(-1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    def __getattr__(self, name: str) -> Any:
        if name == "probs" and "logits" in self.__dict__:
            with steep.enable_grad():  # whoever asks first, without gradients perhaps
                self.probs = as_probabilities(self.logits)
        elif name == "logits" and "probs" in self.__dict__:
            with steep.enable_grad():
                self.logits = as_logits(self.probs)
        else:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return self.__dict__[name]

    @property
    def mean(self) -> Tensor:
        """NaN: classes are no numbers."""
        return steep.full(self._extended_shape(), float("nan"), dtype=self.probs.dtype)

    @property
    def mode(self) -> Tensor:
        """The likeliest class."""
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        """NaN: classes are no numbers."""
        return self.mean

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Classes, as int64."""
        with steep.no_grad():
            count = Size(sample_shape).numel()
            rows = self.probs.reshape(-1, self._num_events)
            drawn = steep.multinomial(rows, count, True).t()
            return drawn.reshape((*sample_shape, *self._batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probabilities of classes."""
        self._validate_sample(value)
        value = value.long()
        shape = steep.broadcast_shapes(value.shape, self.batch_shape)
        rows = self.logits.expand(*shape, self._num_events)
        return rows.gather(-1, value.expand(shape)[..., None])[..., 0]

    def entropy(self) -> Tensor:
        """``-sum(probs log(probs))``."""
        least = steep.finfo(self.logits.dtype).min
        return -(self.logits.clamp(min=least) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes, along a new first dimension."""
        count = self._num_events
        values = steep.arange(count).reshape(-1, *(1,) * len(self._batch_shape))
        return values.expand(count, *self._batch_shape) if expand else values

    @property
    def support(self) -> Constraint:
        """The numbers of the classes."""
        return constraints.integer_interval(0, self._num_events - 1)


class OneHotCategorical(Distribution):
    """`Categorical` whose draws are one-hot vectors.

    Args:
        probs: weights, as in `Categorical`; or
        logits: unnormalised log-probabilities.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> die = steep.distributions.OneHotCategorical(steep.ones(6))
        >>> die.sample().sum()
        tensor(1.)
    """

    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        classes = self._categorical._num_events
        super().__init__(self._categorical.batch_shape, (classes,), validate_args)

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The log-probabilities."""
        return self._categorical.logits

    @property
    def mean(self) -> Tensor:
        """`probs`."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likeliest class."""
        return _one_hot(self.probs.argmax(-1), self.probs)

    @property
    def variance(self) -> Tensor:
        """``probs (1 - probs)``."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """One-hot vectors."""
        return _one_hot(self._categorical.sample(sample_shape), self.probs)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probabilities of one-hot vectors."""
        self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        """That of the classes."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All one-hot vectors, along a new first dimension."""
        return _one_hot(self._categorical.enumerate_support(expand), self.probs)

    @property
    def support(self) -> Constraint:
        """One-hot vectors."""
        return constraints.one_hot

    def __repr__(self) -> str:
        return f"{type(self).__name__}({repr(self._categorical).partition('(')[2]}"


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """`OneHotCategorical` whose draws have the gradient of the probabilities (Bengio et al. 2013).

    Example:
        >>> import steep
        >>> logits = steep.zeros(3, requires_grad=True)
        >>> draw = steep.distributions.OneHotCategoricalStraightThrough(logits=logits).rsample()
        >>> draw.requires_grad
        True
    """

    has_rsample = True

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """One-hot vectors with the gradient of `probs`."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


def _one_hot(classes: Tensor, like: Tensor) -> Tensor:
    return steep.nn.functional.one_hot(classes, like.shape[-1]).to(like.dtype)
