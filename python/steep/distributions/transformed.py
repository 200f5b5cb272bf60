"""Distributions made of others: mapped draws, and batches as one event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.constraints import Constraint
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.maps import ComposeTransform, Transform, summed

__all__ = ["Independent", "TransformedDistribution"]


class TransformedDistribution(Distribution):
    """Draws of another distribution under one or several `Transform`.

    Args:
        base_distribution: what is drawn from.
        transforms: a map, or maps in the order in which they are applied.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for what is no transform.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> squashed = d.TransformedDistribution(d.Normal(0.0, 1.0), [d.TanhTransform()])
        >>> bool(squashed.sample((100,)).abs().max() < 1)
        True
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        given = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(transform, Transform) for transform in given):
            raise ValueError(f"transforms must be a Transform or a list, but was {transforms}")
        self.transforms = given
        whole, base = ComposeTransform(given), base_distribution
        # As many draws as the transforms have parameters, none of them shared.
        shape = whole.forward_shape((*base.batch_shape, *base.event_shape))
        before = whole.inverse_shape(shape)
        batch = tuple(before[: len(before) - len(base.event_shape)])
        if batch != tuple(base.batch_shape):
            base = base.expand(batch)
        start, end = whole.domain.event_dim, whole.codomain.event_dim
        further = start - len(base.event_shape)
        self.base_dist = base = Independent(base, further) if further > 0 else base
        cut = len(shape) - max(end, len(base.event_shape) + end - start)
        super().__init__(shape[:cut], shape[cut:], validate_args)

    @property
    def support(self) -> Constraint | None:
        """Where the last map leads to."""
        if not self.transforms:
            return self.base_dist.support
        end = self.transforms[-1].codomain
        further = len(self.event_shape) - end.event_dim
        return constraints.independent(end, further) if further > 0 else end

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has it."""
        return self.base_dist.has_rsample

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Mapped draws that carry no gradient."""
        with steep.no_grad():
            x = self.base_dist.sample(sample_shape)
            for transform in self.transforms:
                x = transform(x)
            return x

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Mapped draws that carry gradients to the base's parameters."""
        x = self.base_dist.rsample(sample_shape)
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        """That of the base at the value's origin, less the logarithm of the stretch."""
        self._validate_sample(value)
        dims = len(self.event_shape)
        stretch: Any = 0.0
        y = value
        for transform in reversed(self.transforms):
            x = transform._undo(y)
            found = transform.log_abs_det_jacobian(x, y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            stretch = stretch + summed(found, dims - transform.domain.event_dim)
            y = x
        of_base = summed(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))
        log_prob: Tensor = of_base - stretch
        return log_prob

    def cdf(self, value: Tensor) -> Tensor:
        """That of the base at the value's origin; of what falls, the other side."""
        sign: Any = 1
        for transform in reversed(self.transforms):
            value = transform._undo(value)
            sign = sign * transform.sign
        found: Tensor = sign * (self.base_dist.cdf(value) - 0.5) + 0.5
        return found

    def icdf(self, value: Tensor) -> Tensor:
        """The base's, mapped."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        x = self.base_dist.icdf(sign * (value - 0.5) + 0.5)
        for transform in self.transforms:
            x = transform(x)
        return x


class Independent(Distribution):
    """Takes the last dimensions of a batch as one event.

    Args:
        base_distribution: the distribution.
        reinterpreted_batch_ndims: how many dimensions.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for more dimensions than the batch has.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> vectors = d.Independent(d.Normal(steep.zeros(5, 3), 1.0), 1)
        >>> vectors.batch_shape, vectors.event_shape, vectors.log_prob(steep.zeros(5, 3)).shape
        (steep.Size([5]), steep.Size([3]), steep.Size([5]))
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        shape = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(shape):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {len(shape)}"
            )
        self.base_dist, self.reinterpreted_batch_ndims = (
            base_distribution,
            reinterpreted_batch_ndims,
        )
        cut = len(shape) - reinterpreted_batch_ndims
        event = (*shape[cut:], *base_distribution.event_shape)
        super().__init__(shape[:cut], event, validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has it."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> Constraint | None:
        """The base's, of events."""
        support = self.base_dist.support
        if support is None or not self.reinterpreted_batch_ndims:
            return support
        return constraints.independent(support, self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Tensor:
        """The base's."""
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        """The base's."""
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        """The base's."""
        return self.base_dist.variance

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Independent:
        """The same distribution, repeated to a larger batch."""
        event = self.event_shape[: self.reinterpreted_batch_ndims]
        base = self.base_dist.expand((*batch_shape, *event))
        return Independent(base, self.reinterpreted_batch_ndims, False)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """The base's."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """The base's."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum of the base's over the event."""
        return summed(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        """The sum of the base's over the event."""
        return summed(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"
