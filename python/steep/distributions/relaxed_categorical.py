"""`RelaxedOneHotCategorical` and `ExpRelaxedCategorical`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import clamped
from steep.distributions._relaxed import Relaxed
from steep.distributions.discrete import Categorical
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.maps import ExpTransform

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Distribution):
    """The logarithm of `RelaxedOneHotCategorical`.

    Args:
        temperature: above 0, a tensor or a number.
        probs: weights, as of `Categorical`; or
        logits: unnormalised log-probabilities.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> logs = d.relaxed_categorical.ExpRelaxedCategorical(0.5, logits=steep.zeros(3)).sample()
        >>> steep.allclose(logs.exp().sum(), steep.tensor(1.0))
        True
    """

    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        self.temperature = temperature
        events = (self._categorical._num_events,)
        super().__init__(self._categorical.batch_shape, events, validate_args)

    @property
    def probs(self) -> Tensor:
        """The probabilities of the classes."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Log-probabilities and Gumbel draws over temperature, normalised."""
        shape = self._extended_shape(sample_shape)
        u = clamped(steep.rand(shape, dtype=self.logits.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        drawn: Tensor = scores - scores.logsumexp(-1, keepdim=True)
        return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        count = self.event_shape[0]
        temperature = steep.as_tensor(self.temperature, dtype=self.logits.dtype)
        scale = math.lgamma(count) + (count - 1) * temperature.log()
        score = self.logits - value * temperature
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + scale


class RelaxedOneHotCategorical(Relaxed):
    """Shares that carry gradients, and are near one-hot vectors at low temperatures.

    Args:
        temperature: above 0, a tensor or a number.
        probs: weights, as of `Categorical`; or
        logits: unnormalised log-probabilities.
        validate_args: whether to check arguments and values. Default: ``True``.

    Maddison, Mnih and Teh, "The concrete distribution" (2017); Jang, Gu and Poole, "Categorical
    reparameterization with Gumbel-softmax" (2017).

    Example:
        >>> import steep
        >>> logits = steep.zeros(3, requires_grad=True)
        >>> soft = steep.distributions.RelaxedOneHotCategorical(0.5, logits=logits)
        >>> soft.rsample().requires_grad
        True
    """

    support = constraints.simplex
    base_dist: ExpRelaxedCategorical

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args)
        super().__init__(base, ExpTransform(), validate_args)
