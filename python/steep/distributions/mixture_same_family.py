"""`MixtureSameFamily`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions.constraints import Constraint
from steep.distributions.discrete import Categorical
from steep.distributions.distribution import Distribution, Shape

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """One of several distributions of a kind, drawn anew each time.

    Args:
        mixture_distribution: a `Categorical` that draws the component; its batch is that of the
            mixture.
        component_distribution: the components, along the last dimension of its batch.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for what is no `Categorical`, and for batches that do not go together.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> parts = d.Normal(steep.tensor([-1.0, 1.0]), 0.1)
        >>> two = d.MixtureSameFamily(d.Categorical(steep.ones(2)), parts)
        >>> two.mean, two.variance
        (tensor(0.), tensor(1.0100))
    """

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                "The Mixture distribution needs to be an instance of "
                "steep.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution need to be an instance of "
                "steep.distributions.Distribution"
            )
        batch = component_distribution.batch_shape
        count = mixture_distribution._num_events
        if not batch or batch[-1] != count:
            raise ValueError(
                f"MixtureSameFamily: expected a batch of components that ends in {count}, as many "
                f"as the mixture has, got batch shape {tuple(batch)}"
            )
        try:
            steep.broadcast_shapes(mixture_distribution.batch_shape, batch[:-1])
        except RuntimeError:
            raise ValueError(
                f"`mixture_distribution.batch_shape` ({tuple(mixture_distribution.batch_shape)}) "
                f"is not compatible with `component_distribution.batch_shape` ({tuple(batch)})"
            ) from None
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """What draws the component."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    @property
    def support(self) -> Constraint | None:
        """The components'."""
        return None  # whose bounds may differ: the components look themselves

    @property
    def mean(self) -> Tensor:
        """The mean of the components' means."""
        return self._averaged(self._component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        """The mean of the variances and the variance of the means."""
        parts = self._component_distribution
        apart = parts.mean - self._over_components(self.mean)
        return self._averaged(parts.variance) + self._averaged(apart**2)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> MixtureSameFamily:
        """The same distribution, repeated to a larger batch."""
        new: MixtureSameFamily = object.__new__(type(self)) if _instance is None else _instance
        vars(new).update(vars(self))
        count = self._mixture_distribution._num_events
        new._component_distribution = self._component_distribution.expand((*batch_shape, count))
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._batch_shape = new._mixture_distribution.batch_shape
        return new

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draws of all components, of which one is taken."""
        with steep.no_grad():
            picked = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            dim = len(sample_shape) + len(self._batch_shape)
            events = self._event_shape
            place = picked.reshape((*picked.shape, 1, *(1,) * len(events)))
            place = place.expand((*drawn.shape[:dim], 1, *events))
            return drawn.gather(dim, place).squeeze(dim)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the mean of the components' densities."""
        self._validate_sample(value)
        parts = self._component_distribution.log_prob(self._over_components(value))
        weights = steep.log_softmax(self._mixture_distribution.logits, -1)
        return steep.logsumexp(parts + weights, -1)

    def cdf(self, value: Tensor) -> Tensor:
        """The mean of the components'."""
        parts = self._component_distribution.cdf(self._over_components(value))
        return (parts * self._mixture_distribution.probs).sum(-1)

    def _over_components(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - len(self._event_shape))

    def _averaged(self, x: Tensor) -> Tensor:
        probs = self._mixture_distribution.probs
        weights = probs.reshape((*probs.shape, *(1,) * len(self._event_shape)))
        return (weights * x).sum(-1 - len(self._event_shape))

    def __repr__(self) -> str:
        parts = f"{self._mixture_distribution},\n  {self._component_distribution}"
        return f"MixtureSameFamily(\n  {parts})"
