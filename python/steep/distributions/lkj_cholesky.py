"""`LKJCholesky`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._common import broadcast
from steep.distributions.beta import Beta
from steep.distributions.distribution import Distribution, Shape

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Lower Cholesky factors of correlation matrices R, of density ``det(R)**(concentration - 1)``.

    The usual prior of correlations: at a concentration of 1 all matrices are equally likely, above
    it those near the unit matrix. Draws are made row by row, by the onion method (Lewandowski,
    Kurowicka and Joe, "Generating random correlation matrices based on vines and extended onion
    method", 2009, section 3.2); the density of a factor has the Jacobian of the product in it.

    Args:
        dim: the size of the matrices, at least 2.
        concentration: above 0, a tensor or a number. Default: 1.0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for a `dim` below 2, a concentration that is not above 0, and values that are
            no factor of a correlation matrix.

    Example:
        >>> import steep
        >>> prior = steep.distributions.LKJCholesky(3, 1.0)
        >>> prior.sample().shape, prior.log_prob(steep.eye(3))
        (steep.Size([3, 3]), tensor(-1.5963))
    """

    arg_constraints = {"concentration": constraints.positive}  # noqa: RUF012
    support = constraints.corr_cholesky
    concentration: Tensor

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2, got {dim}")
        self.dim = dim
        (self.concentration,), shape = broadcast(concentration)
        super().__init__(shape, (dim, dim), validate_args)
        self._lengths = self._of_rows()

    def _of_rows(self) -> Beta:
        """Of each row, the share of its square that lies off the diagonal; the first has none."""
        before = steep.cat([steep.zeros(1), steep.arange(self.dim - 1.0)]) / 2
        before = before.to(self.concentration.dtype)
        marginal = self.concentration[..., None] + 0.5 * (self.dim - 2)
        return Beta(before + 0.5, marginal - before, False)

    def expand(self, batch_shape: Shape, _instance: LKJCholesky | None = None) -> LKJCholesky:
        """The same distribution, repeated to a larger batch."""
        new = object.__new__(type(self)) if _instance is None else _instance
        vars(new).update(vars(self))
        new.concentration = self.concentration.expand(batch_shape)
        new._batch_shape = steep.Size(batch_shape)
        new._lengths = new._of_rows()
        return new

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Factors ``(*sample_shape, *batch_shape, dim, dim)``.

        Each row is a direction that is uniform on the sphere, of a length whose square is a `Beta`
        draw; the diagonal makes up what is missing to a length of 1.
        """
        with steep.no_grad():
            share = self._lengths.sample(sample_shape)[..., None]
            drawn = steep.randn(self._extended_shape(sample_shape), dtype=share.dtype).tril(-1)
            length = drawn.norm(dim=-1, keepdim=True)
            row = steep.where(length > 0, share.sqrt() * drawn / length, 0.0)  # none in the first
            tiny = steep.finfo(share.dtype).tiny
            rest = (1 - (row**2).sum(-1)).clamp(min=tiny).sqrt()
            return row + rest.diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density.

        At L it is ``prod_i L_ii**(2 (concentration - 1) + dim - i)`` for i from 2, divided by the
        constant of Lewandowski et al. (2009), page 1999.
        """
        self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        row = steep.arange(2.0, self.dim + 1.0, dtype=self.concentration.dtype)
        power = 2 * (self.concentration - 1)[..., None] + self.dim - row
        off = self.dim - 1
        alpha = self.concentration + 0.5 * off
        constant = 0.5 * off * math.log(math.pi) + steep.mvlgamma(alpha - 0.5, off)
        return (power * diagonal.log()).sum(-1) - (constant - steep.lgamma(alpha) * off)
