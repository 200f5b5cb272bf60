"""`VonMises`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep import special
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.distribution import Distribution, Shape

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Angles around `loc`: ``exp(concentration cos(x - loc)) / (2 pi I0(concentration))``.

    Args:
        loc: the direction, in radians, a tensor or a number.
        concentration: how narrow it is, above 0: towards 0 all angles are alike, and much above 1
            it is a normal distribution of the variance 1 / concentration.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for a concentration that is not above 0, and nan.

    Example:
        >>> import steep
        >>> wind = steep.distributions.VonMises(0.0, 2.0)
        >>> wind.log_prob(steep.tensor([0.0, 3.14159])).exp()
        tensor([0.5159, 0.0094])
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}  # noqa: RUF012
    support = constraints.real
    loc: Tensor
    concentration: Tensor

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        (self.loc, self.concentration), shape = broadcast(loc, concentration)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """`loc`, the mean direction."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """`loc`."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """That of directions, from 0 to 1: ``1 - I1(concentration) / I0(concentration)``."""
        return 1 - special.i1e(self.concentration) / special.i0e(self.concentration)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Angles from -pi to pi, computed in float64.

        By rejection of draws from a wrapped Cauchy distribution: Best and Fisher, "Efficient
        simulation of the von Mises distribution" (1979). How many rounds that takes is a matter of
        chance, so a compiled function that draws runs eagerly.
        """
        shape = self._extended_shape(sample_shape)
        with steep.no_grad():
            loc, concentration = self.loc.double(), _within(self.concentration.double())
            width = _width(concentration)
            angle = steep.zeros(shape, dtype=steep.float64)
            pending = steep.ones(shape, dtype=steep.bool)
            while bool(pending.any()):
                along, height, side = steep.rand(3, *shape, dtype=steep.float64).unbind()
                place = (math.pi * along).cos()
                cosine = (1 + width * place) / (width + place)
                c = concentration * (width - cosine)
                fits = (c * (2 - c) > height) | ((c / height).log() + 1 - c >= 0)
                fits |= ~(c > 0)  # no room beside `loc`, or nan: no further draw would differ
                angle = steep.where(fits, (side - 0.5).sign() * cosine.acos(), angle)
                pending = pending & ~fits
            return ((angle + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density; angles may be any numbers."""
        self._validate_sample(value)
        # cos(x) - 1, without overflow of what the exponential of the rest would be.
        above = self.concentration * ((value - self.loc).cos() - 1)
        return above - (2 * math.pi * special.i0e(self.concentration)).log()

    def entropy(self) -> Tensor:
        """In nats."""
        return (
            self.concentration * self.variance
            + (2 * math.pi * special.i0e(self.concentration)).log()
        )


def _within(concentration: Tensor) -> Tensor:
    """What float64 can tell from 0, where all angles are alike, and from a single angle."""
    return concentration.masked_fill(concentration == 0, 1e-300).clamp(max=1e17)


def _width(concentration: Tensor) -> Tensor:
    """The parameter of the wrapped Cauchy distribution; for small ones, its series."""
    root = 1 + (1 + 4 * concentration**2).sqrt()
    rho = (root - (2 * root).sqrt()) / (2 * concentration)
    width = (1 + rho**2) / (2 * rho)
    return steep.where(concentration < 1e-5, 1 / concentration + concentration, width)
