"""`MultivariateNormal`."""

from __future__ import annotations

import math

import steep
from steep import linalg
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions._factored import FactoredMatrix, the_matrix
from steep.distributions.distribution import Distribution, Shape

__all__ = ["MultivariateNormal"]


class MultivariateNormal(FactoredMatrix, Distribution):
    """Vectors whose combinations are all normal.

    Args:
        loc: the means, (..., n).
        covariance_matrix: positive definite, (..., n, n); or
        precision_matrix: its inverse; or
        scale_tril: its lower Cholesky factor, which takes the least work.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: unless exactly one of the matrices is given; for a number, for a matrix that is
            not what it must be.

    A compiled function that asks for densities, or gives another matrix than `scale_tril`, runs
    eagerly: triangular systems and factors are NumPy's.

    Example:
        >>> import steep
        >>> covariance = steep.tensor([[2.0, 0.5], [0.5, 1.0]])
        >>> pairs = steep.distributions.MultivariateNormal(steep.zeros(2), covariance)
        >>> pairs.log_prob(steep.tensor([1.0, 0.0]))
        tensor(-2.4034)
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    loc: Tensor

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = the_matrix(covariance_matrix, precision_matrix, scale_tril)
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        size = loc.shape[-1]
        if tuple(matrix.shape[-2:]) != (size, size):
            raise ValueError(
                f"MultivariateNormal: expected {name} of shape (..., {size}, {size}) for loc of "
                f"shape {tuple(loc.shape)}, got {tuple(matrix.shape)}"
            )
        batch = steep.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.loc = loc.expand((*batch, size))
        self.__dict__[name] = matrix.expand((*batch, size, size))
        super().__init__(batch, (size,), validate_args)
        self._factorise(name, matrix)

    @property
    def mean(self) -> Tensor:
        """`loc`."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """`loc`."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The diagonal of the covariance matrix."""
        return (self._factor**2).sum(-1).expand(self.loc.shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """``loc + scale_tril randn``."""
        drawn = steep.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + (self._factor @ drawn[..., None])[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        apart = value - self.loc
        size = apart.shape[-1]
        batch = steep.broadcast_shapes(apart.shape[:-1], self._factor.shape[:-2])
        factor = self._factor.expand((*batch, size, size))
        scaled = linalg.solve_triangular(
            factor, apart.expand((*batch, size))[..., None], upper=False
        )
        distance = (scaled[..., 0] ** 2).sum(-1)
        return -0.5 * (size * math.log(2 * math.pi) + distance) - self._log_scale()

    def entropy(self) -> Tensor:
        """``n (1 + log(2 pi)) / 2`` and the logarithm of the factor's determinant."""
        size = self._event_shape[0]
        found = 0.5 * size * (1.0 + math.log(2 * math.pi)) + self._log_scale()
        return found.expand(self._batch_shape)
