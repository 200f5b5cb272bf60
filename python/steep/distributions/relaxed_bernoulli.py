"""`RelaxedBernoulli` and `LogitRelaxedBernoulli`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast, clamped, either
from steep.distributions._relaxed import Relaxed
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.lazy import BinaryParameters
from steep.distributions.maps import SigmoidTransform

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(BinaryParameters, Distribution):
    """The log-odds of `RelaxedBernoulli`: a logistic draw around the parameter's, over temperature.

    Args:
        temperature: above 0, a tensor or a number.
        probs: the probability; or
        logits: the logarithm of the odds.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> d.relaxed_bernoulli.LogitRelaxedBernoulli(0.5, logits=steep.zeros(2)).sample().shape
        steep.Size([2])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.real
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = temperature
        (given,), shape = broadcast(either("LogitRelaxedBernoulli", probs, logits))
        self.__dict__["logits" if probs is None else "probs"] = given
        super().__init__(shape, validate_args=validate_args)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Logistic draws."""
        shape = self._extended_shape(sample_shape)
        probs = clamped(self.probs.expand(shape))
        u = clamped(steep.rand(shape, dtype=probs.dtype))
        odds = u.log() - (-u).log1p() + probs.log() - (-probs).log1p()
        drawn: Tensor = odds / self.temperature
        return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        apart: Tensor = self.logits - value * self.temperature
        log = steep.as_tensor(self.temperature, dtype=apart.dtype).log()
        return log + apart - 2 * steep.nn.functional.softplus(apart)


class RelaxedBernoulli(Relaxed):
    """Draws between 0 and 1 that carry gradients, and near 0 or 1 at low temperatures.

    Args:
        temperature: above 0, a tensor or a number.
        probs: the probability; or
        logits: the logarithm of the odds.
        validate_args: whether to check arguments and values. Default: ``True``.

    Maddison, Mnih and Teh, "The concrete distribution" (2017); Jang, Gu and Poole, "Categorical
    reparameterization with Gumbel-softmax" (2017).

    Example:
        >>> import steep
        >>> soft = steep.distributions.RelaxedBernoulli(0.1, probs=steep.tensor([0.99999]))
        >>> soft.sample().round()
        tensor([1.])
    """

    support = constraints.unit_interval
    base_dist: LogitRelaxedBernoulli

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args)
        super().__init__(base, SigmoidTransform(), validate_args)
