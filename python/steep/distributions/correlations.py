"""The map of numbers onto Cholesky factors of correlation matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.maps import Transform
from steep.distributions.utils import tril_matrix_to_vec, vec_to_tril_matrix

__all__ = ["CorrCholeskyTransform"]


class CorrCholeskyTransform(Transform):
    """Vectors of ``n (n - 1) / 2`` numbers to Cholesky factors of n by n correlation matrices.

    Each number becomes a partial correlation by tanh, and row by row a share of what the entries
    before have left of the row's length of 1 (Lewandowski, Kurowicka and Joe, "Generating random
    correlation matrices based on vines and extended onion method", 2009, section 2).

    Raises:
        ValueError: for vectors of a length that is none of 1, 3, 6, 10, ...

    Example:
        >>> import steep
        >>> factor = steep.distributions.CorrCholeskyTransform()(steep.tensor([0.5]))
        >>> factor @ factor.mT
        tensor([[1.0000, 0.4621],
                [0.4621, 1.0000]])
    """

    domain, codomain = constraints.real_vector, constraints.corr_cholesky

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        count = shape[-1]
        size = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if size * (size - 1) // 2 != count or count < 1:
            raise ValueError(
                "CorrCholeskyTransform: expected a last dimension of n (n - 1) / 2 numbers, got "
                f"{tuple(shape)}"
            )
        return (*shape[:-1], size, size)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ValueError(f"CorrCholeskyTransform: expected square matrices, got {tuple(shape)}")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)

    def _call(self, x: Tensor) -> Tensor:
        self.forward_shape(x.shape)
        eps = steep.finfo(x.dtype).eps
        partial = vec_to_tril_matrix(x.tanh().clamp(-1 + eps, 1 - eps), -1)
        left = (1 - partial**2).sqrt().cumprod(-1)
        unit = steep.eye(partial.shape[-1], dtype=x.dtype)
        return (partial + unit) * _behind(left)

    def _inverse(self, y: Tensor) -> Tensor:
        left = tril_matrix_to_vec(_behind(1 - (y * y).cumsum(-1)), -1)
        partial = tril_matrix_to_vec(y, -1) / left.sqrt()
        return (partial.log1p() - (-partial).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # Of entry (i, j): the root of what the row had left before it, and the slope of tanh.
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), -2)
        slopes = 2 * (math.log(2.0) - x - steep.nn.functional.softplus(-2 * x))
        return 0.5 * left.log().sum(-1) + slopes.sum(-1)


def _behind(rows: Tensor) -> Tensor:
    """Rows moved on by one place, with a 1 in front."""
    return steep.nn.functional.pad(rows[..., :-1], (1, 0), value=1.0)
