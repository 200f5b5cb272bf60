"""`ContinuousBernoulli`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast, clamped, either
from steep.distributions.distribution import Distribution, Shape
from steep.distributions.lazy import BinaryParameters

__all__ = ["ContinuousBernoulli"]

_Formula = Callable[[Tensor, Tensor], Tensor]

# Series around a log-odds l of 0, in l**2: of the mean less 1/2 over l, of the variance, and of
# log C. Below `_NEAR` they are exact to rounding, and the formulas cancel.
_MEAN = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160)
_VARIANCE = (1 / 12, -1 / 240, 1 / 6048, -1 / 172800, 1 / 5322240)
_LOG_CONSTANT = (math.log(2.0), 1 / 12, -7 / 1440, 31 / 90720, -127 / 4838400, 73 / 34214400)
_NEAR = 0.2


class ContinuousBernoulli(BinaryParameters, Distribution):
    """Numbers from 0 to 1 of density ``C(p) p**x (1 - p)**(1 - x)``: pixels of an autoencoder.

    C is ``2 atanh(1 - 2 p) / (1 - 2 p)``, and 2 at ``p = 0.5`` (Loaiza-Ganem and Cunningham, "The
    continuous Bernoulli: fixing a pervasive error in variational autoencoders", 2019, section 3);
    with the log-odds l of p, it is ``l / tanh(l / 2)``, which does not cancel.

    Args:
        probs: p, from 0 to 1, a tensor or a number; or
        logits: its log-odds.
        lims: without effect; PyTorch takes approximations between these probabilities.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: unless exactly one of both is given; for probabilities and values outside of 0
            to 1.

    Example:
        >>> import steep
        >>> pixel = steep.distributions.ContinuousBernoulli(steep.tensor(0.8))
        >>> pixel.mean, pixel.log_prob(steep.tensor(0.5)).exp()
        (tensor(0.6120), tensor(0.9242))
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        (given,), shape = broadcast(either("ContinuousBernoulli", probs, logits))
        self.__dict__["probs" if logits is None else "logits"] = given
        super().__init__(shape, validate_args=validate_args)
        if logits is None:
            self.probs = clamped(self.probs)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._batch_shape

    @property
    def mean(self) -> Tensor:
        """``1 / (1 - exp(-l)) - 1 / l`` of the log-odds l."""
        is_near, near, away = self._apart(_NEAR)
        found = -(-away).expm1().reciprocal() - 1 / away
        return steep.where(is_near, 0.5 + near * _series(near, _MEAN), found)

    @property
    def variance(self) -> Tensor:
        """``1 / l**2 - 1 / (2 sinh(l / 2))**2``."""
        is_near, near, away = self._apart(_NEAR)
        falling = -away.abs()
        found = away**-2 - falling.exp() / falling.expm1() ** 2
        return steep.where(is_near, _series(near, _VARIANCE), found)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """`icdf` of uniform draws."""
        dtype = self.logits.dtype
        return self.icdf(steep.rand(self._extended_shape(sample_shape), dtype=dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        logits = self.logits
        return value * logits - steep.nn.functional.softplus(logits) + self._log_constant()

    def cdf(self, value: Tensor) -> Tensor:
        """``(exp(l value) - 1) / (exp(l) - 1)``."""
        self._validate_sample(value)
        return self._of_sides(
            value,
            lambda side, falling: (falling * side).expm1() / falling.expm1(),
            lambda side, near: -near * (1 - near * (1 - 2 * side) / 6),
        )

    def icdf(self, value: Tensor) -> Tensor:
        """``log(1 + value (exp(l) - 1)) / l``."""
        return self._of_sides(
            value,
            lambda side, falling: (side * falling.expm1()).log1p() / falling,
            lambda side, near: near * (1 + near * (1 - 2 * side) / 3),
        )

    def entropy(self) -> Tensor:
        """``log(1 + exp(l)) - log C - l mean``."""
        softplus = steep.nn.functional.softplus(self.logits)
        return softplus - self._log_constant() - self.mean * self.logits

    def _log_constant(self) -> Tensor:
        """``log C``."""
        is_near, near, away = self._apart(_NEAR)
        found = (away / (away / 2).tanh()).log()
        return steep.where(is_near, _series(near, _LOG_CONSTANT), found)

    def _apart(self, limit: float) -> tuple[Tensor, Tensor, Tensor]:
        """Where log-odds are near 0; those that are, else 0; those that are not, else 1."""
        is_near = self.logits.abs() < limit
        return is_near, self.logits.where(is_near, 0.0), self.logits.where(~is_near, 1.0)

    def _of_sides(self, value: Tensor, formula: _Formula, slope: _Formula) -> Tensor:
        """By a formula of a negative l, as powers of it do not overflow: the other side of 1 - x.

        Near 0 by Taylor's, whose terms in l are multiples of x (1 - x) / 2.
        """
        limit = steep.finfo(self.logits.dtype).eps ** 0.25
        is_near, near, away = self._apart(limit)
        rises = away > 0
        found = formula(steep.where(rises, 1 - value, value), -away.abs())
        found = steep.where(rises, 1 - found, found)
        return steep.where(is_near, value + slope(value, near) * value * (1 - value) / 2, found)


def _series(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    """A polynomial in x**2, by Horner's scheme."""
    total, square = steep.full_like(x, coefficients[-1]), x * x
    for coefficient in coefficients[-2::-1]:
        total = total * square + coefficient
    return total
