"""`LowRankMultivariateNormal`."""

from __future__ import annotations

import math

import steep
from steep import linalg
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.distribution import Distribution, Shape

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of covariance ``W W^T + diag(D)``: factor analysis, with few factors.

    A density takes the Cholesky factor L of the r by r capacitance matrix ``I + W^T D^-1 W``
    instead of one of the covariance: the distance by the Woodbury identity, the determinant by the
    matrix determinant lemma (Petersen and Pedersen, "The Matrix Cookbook", 3.2.2 and 1.2).

    Args:
        loc: the means, (..., n).
        cov_factor: W, (..., n, r).
        cov_diag: D, above 0, (..., n).
        validate_args: whether to check arguments and values. Default: ``True``.

    Raises:
        ValueError: for a number, for shapes that do not fit, for a `cov_diag` that is not above 0.

    A compiled function that makes one, or asks for densities, runs eagerly: factors are NumPy's.

    Example:
        >>> import steep
        >>> d = steep.distributions
        >>> pairs = d.LowRankMultivariateNormal(steep.zeros(2), steep.ones(2, 1), steep.ones(2))
        >>> pairs.covariance_matrix, pairs.log_prob(steep.zeros(2))
        (tensor([[2., 1.],
                [1., 2.]]), tensor(-2.3872))
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    loc: Tensor
    cov_factor: Tensor
    cov_diag: Tensor

    def __init__(
        self,
        loc: Tensor,
        cov_factor: Tensor,
        cov_diag: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        size = loc.shape[-1]
        if cov_factor.dim() < 2 or cov_factor.shape[-2] != size:
            raise ValueError(
                f"cov_factor must be a batch of matrices with shape {size} x m, got "
                f"{tuple(cov_factor.shape)}"
            )
        if cov_diag.dim() < 1 or cov_diag.shape[-1] != size:
            raise ValueError(
                f"cov_diag must be a batch of vectors with shape {size}, got "
                f"{tuple(cov_diag.shape)}"
            )
        batch = steep.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc, self.cov_diag = loc.expand((*batch, size)), cov_diag.expand((*batch, size))
        self.cov_factor = cov_factor.expand((*batch, *cov_factor.shape[-2:]))
        super().__init__(batch, (size,), validate_args)
        self._capacitance = self._factorise()

    def _factorise(self) -> Tensor:
        """The lower Cholesky factor of ``I + W^T D^-1 W``, (..., r, r)."""
        factor = self.cov_factor
        unit = steep.eye(factor.shape[-1], dtype=factor.dtype)
        return linalg.cholesky(unit + (factor / self.cov_diag[..., None]).mT @ factor)

    def expand(
        self, batch_shape: Shape, _instance: LowRankMultivariateNormal | None = None
    ) -> LowRankMultivariateNormal:
        """The same distribution, repeated to a larger batch."""
        new = super().expand(batch_shape, _instance)
        new._capacitance = self._capacitance.expand((*batch_shape, *self._capacitance.shape[-2:]))
        return new

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
        return (self.cov_factor**2).sum(-1) + self.cov_diag

    @property
    def covariance_matrix(self) -> Tensor:
        """``W W^T + diag(D)``, (..., n, n)."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @property
    def precision_matrix(self) -> Tensor:
        """Its inverse, (..., n, n)."""
        half = self._half((self.cov_factor / self.cov_diag[..., None]).mT)
        return self.cov_diag.reciprocal().diag_embed() - half.mT @ half

    @property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance matrix, (..., n, n)."""
        return linalg.cholesky(self.covariance_matrix)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """``loc + W randn(r) + sqrt(D) randn(n)``."""
        shape = self._extended_shape(sample_shape)
        rank, dtype = self.cov_factor.shape[-1], self.loc.dtype
        factors = steep.randn((*shape[:-1], rank, 1), dtype=dtype)
        common = (self.cov_factor @ factors)[..., 0]
        return self.loc + common + self.cov_diag.sqrt() * steep.randn(shape, dtype=dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        apart = value - self.loc
        scaled = (apart / self.cov_diag)[..., None]
        shared = self._half(self.cov_factor.mT @ scaled)[..., 0]
        distance = (apart**2 / self.cov_diag).sum(-1) - (shared**2).sum(-1)
        size = self._event_shape[0]
        return -0.5 * (size * math.log(2 * math.pi) + distance) - self._log_scale()

    def entropy(self) -> Tensor:
        """``n (1 + log(2 pi)) / 2`` and half the logarithm of the covariance's determinant."""
        size = self._event_shape[0]
        return 0.5 * size * (1.0 + math.log(2 * math.pi)) + self._log_scale()

    def _half(self, right: Tensor) -> Tensor:
        """``L^-1 right``."""
        batch = steep.broadcast_shapes(self._batch_shape, right.shape[:-2])
        factor = self._capacitance.expand((*batch, *self._capacitance.shape[-2:]))
        right = right.expand((*batch, *right.shape[-2:]))
        return linalg.solve_triangular(factor, right, upper=False)

    def _log_scale(self) -> Tensor:
        """Half the logarithm of the covariance's determinant."""
        inner = self._capacitance.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return inner + 0.5 * self.cov_diag.log().sum(-1)
