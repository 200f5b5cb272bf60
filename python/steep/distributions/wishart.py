"""`Wishart`."""

from __future__ import annotations

import math
import warnings
from typing import Any

import steep
from steep import linalg
from steep._core import Tensor, is_recording
from steep.distributions import constraints
from steep.distributions._common import require
from steep.distributions._factored import FactoredMatrix, the_matrix
from steep.distributions.chi2 import Chi2
from steep.distributions.distribution import Distribution, Shape

__all__ = ["Wishart"]


class Wishart(FactoredMatrix, Distribution):
    """Positive definite matrices: ``X X^T`` of `df` normal vectors X of this covariance.

    The density at M is ``det(M)**((df - n - 1) / 2) exp(-trace(covariance^-1 M) / 2)``, divided by
    ``2**(df n / 2) det(covariance)**(df / 2)`` and the multivariate gamma function of ``df / 2``
    (Anderson, "An Introduction to Multivariate Statistical Analysis", 7.2).

    Args:
        df: degrees of freedom, above n - 1, a tensor or a number.
        covariance_matrix: positive definite, (..., n, n); or
        precision_matrix: its inverse; or
        scale_tril: its lower Cholesky factor, which takes the least work.
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: unless exactly one of the matrices is given; for a matrix that is not what it
            must be, degrees of freedom up to n - 1, and values that are not positive definite.

    Warns:
        UserWarning: for degrees of freedom below n, at which draws may be singular by rounding.

    A compiled function that asks for densities runs eagerly: factors are NumPy's.

    Example:
        >>> import steep
        >>> matrices = steep.distributions.Wishart(4.0, steep.eye(2))
        >>> matrices.mean, matrices.log_prob(steep.eye(2)).exp()
        (tensor([[4., 0.],
                [0., 4.]]), tensor(0.0146))
    """

    arg_constraints = {  # noqa: RUF012
        "df": constraints.positive,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.positive_definite
    has_rsample = True
    df: Tensor

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = the_matrix(covariance_matrix, precision_matrix, scale_tril)
        degrees = df if isinstance(df, Tensor) else steep.tensor(df, dtype=matrix.dtype)
        batch = steep.broadcast_shapes(matrix.shape[:-2], degrees.shape)
        rows, size = matrix.shape[-2:]
        if rows != size:
            raise ValueError(
                f"Wishart: expected {name} of shape (..., n, n), got {tuple(matrix.shape)}"
            )
        self.df = degrees.expand(batch)
        self.__dict__[name] = matrix.expand((*batch, size, size))
        super().__init__(batch, (size, size), validate_args)
        if self._validate_args:
            self._check_degrees(size)
        self._factorise(name, matrix)

    def _check_degrees(self, size: int) -> None:
        text = f"Wishart: expected parameter df to be above n - 1 = {size - 1}"
        require(self.df > size - 1, self.df, text)
        # The warning reads the numbers. A compiled function has given it in its first call, and
        # inside of a vmap each example has numbers of its own.
        readable = type(self.df) is Tensor and not is_recording()
        if readable and bool((self.df < size).any()):
            warnings.warn(
                f"Wishart: draws of fewer degrees of freedom than n = {size} may be singular, got "
                f"{self.df}",
                UserWarning,
                stacklevel=3,
            )

    @property
    def mean(self) -> Tensor:
        """``df covariance_matrix``."""
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """``(df - n - 1) covariance_matrix``; nan where that is not above 0."""
        above = self.df - self._event_shape[0] - 1
        above = above.masked_fill(above <= 0, math.nan)
        return above[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        """That of each element: ``df (c_ij**2 + c_ii c_jj)``."""
        matrix = self.covariance_matrix
        diagonal = matrix.diagonal(dim1=-2, dim2=-1)
        spread = matrix**2 + diagonal[..., None] * diagonal[..., None, :]
        return self.df[..., None, None] * spread

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """``(L A) (L A)^T`` with A of Bartlett's: roots of chi-square draws above normal ones.

        Smith and Hocking, "Algorithm AS 53: Wishart variate generator" (1972).
        """
        size, dtype = self._event_shape[0], self._factor.dtype
        freedom = self.df[..., None] - steep.arange(size, dtype=dtype)
        roots = Chi2(freedom, validate_args=False).rsample(sample_shape).sqrt()
        lower = steep.zeros(self._extended_shape(sample_shape), dtype=dtype)
        row, column = steep.tril_indices(size, size, -1)
        drawn = steep.randn(*sample_shape, *self._batch_shape, len(row), dtype=dtype)
        lower[..., row, column] = drawn
        root = self._factor @ (lower + roots.diag_embed())
        return root @ root.mT

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        size, half = self._event_shape[0], self.df / 2
        shape = steep.broadcast_shapes(value.shape, self._factor.shape)
        factor = self._factor.expand(shape)
        once = linalg.solve_triangular(factor, value.expand(shape), upper=False)
        scaled = linalg.solve_triangular(factor, once.mT, upper=False)
        trace = scaled.diagonal(dim1=-2, dim2=-1).sum(-1)
        volume = linalg.slogdet(value).logabsdet * (self.df - size - 1) / 2
        return volume - trace / 2 - self.df * self._log_width() - steep.mvlgamma(half, size)

    def entropy(self) -> Tensor:
        """In nats."""
        size, half = self._event_shape[0], self.df / 2
        slopes = steep.digamma(half[..., None] - steep.arange(size, dtype=half.dtype) / 2).sum(-1)
        found = (size + 1) * self._log_width() + steep.mvlgamma(half, size) + half * size
        return found - (self.df - size - 1) / 2 * slopes

    def _log_width(self) -> Tensor:
        """``n log(2) / 2`` and the logarithm of the factor's determinant."""
        return self._event_shape[0] * math.log(2) / 2 + self._log_scale()
