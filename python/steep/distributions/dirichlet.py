"""`Dirichlet`."""

from __future__ import annotations

import steep
from steep._core import Tensor, _sample_dirichlet
from steep.distributions import constraints
from steep.distributions.distribution import Distribution, Shape

__all__ = ["Dirichlet"]


class Dirichlet(Distribution):
    """Shares that add up to 1: density proportional to ``prod(x**(concentration - 1))``.

    Args:
        concentration: above 0, of one dimension at least, the last of which is that of the shares.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for a number, for parameters not above 0, for values that are no shares.

    Draws carry gradients: each share moves by implicit reparameterisation of its own distribution,
    the others keep their proportions.

    Example:
        >>> import steep
        >>> shares = steep.distributions.Dirichlet(steep.tensor([1.0, 2.0, 5.0]))
        >>> shares.mean, shares.event_shape
        (tensor([0.1250, 0.2500, 0.6250]), steep.Size([3]))
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}  # noqa: RUF012
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if not isinstance(concentration, Tensor) or concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        """The parameters' shares."""
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        """Shares of ``concentration - 1``; where all are below 1, all of the largest."""
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        largest = steep.nn.functional.one_hot(mode.argmax(-1), above.shape[-1]).to(mode.dtype)
        return steep.where((self.concentration < 1).all(-1, keepdim=True), largest, mode)

    @property
    def variance(self) -> Tensor:
        """``a (total - a) / (total**2 (total + 1))``."""
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Gamma draws, divided by their sum."""
        return _sample_dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        a = self.concentration
        density = steep.xlogy(a - 1.0, value).sum(-1) + steep.lgamma(a.sum(-1))
        return density - steep.lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        """In nats."""
        a, count = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        rest = (count - total) * steep.digamma(total) + ((a - 1.0) * steep.digamma(a)).sum(-1)
        return steep.lgamma(a).sum(-1) - steep.lgamma(total) - rest
