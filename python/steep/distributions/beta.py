"""`Beta`."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.dirichlet import Dirichlet
from steep.distributions.distribution import Distribution, Shape

__all__ = ["Beta"]


class Beta(Distribution):
    """The beta distribution: density proportional to ``x**(a - 1) (1 - x)**(b - 1)``.

    Args:
        concentration1: a, above 0, a tensor or a number.
        concentration0: b, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for parameters that are not above 0, and values beyond 0 and 1.

    Example:
        >>> import steep
        >>> share = steep.distributions.Beta(2.0, 3.0)
        >>> share.mean, share.log_prob(steep.tensor(0.5)).exp()
        (tensor(0.4000), tensor(1.5000))
    """

    arg_constraints = {  # noqa: RUF012
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        both, shape = broadcast(concentration1, concentration0)
        self._dirichlet = Dirichlet(steep.stack(both, -1), False)
        super().__init__(shape, validate_args=validate_args)

    @property
    def concentration1(self) -> Tensor:
        """The first parameter."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """The second parameter."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        """``a / (a + b)``."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        """That of the two shares."""
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        """``a b / ((a + b)**2 (a + b + 1))``."""
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """The first of two shares."""
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        a, b = self.concentration1, self.concentration0
        density = steep.xlogy(a - 1.0, value) + steep.xlogy(b - 1.0, 1.0 - value)
        return density + steep.lgamma(a + b) - steep.lgamma(a) - steep.lgamma(b)

    def entropy(self) -> Tensor:
        """In nats."""
        return self._dirichlet.entropy()
