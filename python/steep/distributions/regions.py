"""Maps onto regions: absolute values, powers, shares, triangular matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions import constraints
from steep.distributions.maps import ComposeTransform, Transform, summed

__all__ = [
    "AbsTransform",
    "IndependentTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "SoftmaxTransform",
    "StickBreakingTransform",
    "identity_transform",
]

identity_transform = ComposeTransform([])


class AbsTransform(Transform):
    """``y = |x|``; of two origins the inverse is the positive one."""

    bijective = False
    codomain = constraints.nonnegative

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class PowerTransform(Transform):
    """``y = x**exponent`` of positive numbers.

    Args:
        exponent: a tensor or a number that is not 0.
        cache_size: as for `Transform`. Default: 0.
    """

    domain = codomain = constraints.positive

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = steep.as_tensor(exponent)
        self.sign = self.exponent.sign()

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return steep.broadcast_shapes(shape, self.exponent.shape)

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()


class IndependentTransform(Transform):
    """Takes further dimensions of a map's values as one event.

    Args:
        base_transform: the map.
        reinterpreted_batch_ndims: how many dimensions.
        cache_size: as for `Transform`. Default: 0.
    """

    def __init__(
        self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.base_transform = (
            base_transform.with_cache(cache_size) if cache_size else base_transform
        )
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.sign, self.bijective = base_transform.sign, base_transform.bijective
        count = reinterpreted_batch_ndims
        self.domain = constraints.independent(base_transform.domain, count)
        self.codomain = constraints.independent(base_transform.codomain, count)

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self.base_transform.inverse_shape(shape)

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform._undo(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        found = self.base_transform.log_abs_det_jacobian(x, y)
        return summed(found, self.reinterpreted_batch_ndims)


class SoftmaxTransform(Transform):
    """``y = exp(x) / sum(exp(x))`` along the last dimension; the inverse is the logarithm.

    It loses what is common to all, and so has no density.
    """

    bijective = False
    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return steep.softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


class StickBreakingTransform(Transform):
    """K numbers to K + 1 shares: each takes a part of what the ones before it have left.

    The parts are logistic functions of the numbers, moved so that zeros give equal shares.
    """

    domain, codomain = constraints.real_vector, constraints.simplex

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return (*shape[:-1], shape[-1] - 1)

    @staticmethod
    def _moved(x: Tensor) -> Tensor:
        count = x.shape[-1]
        return x - steep.arange(count, 0, -1, dtype=x.dtype).log()

    def _call(self, x: Tensor) -> Tensor:
        part = steep.sigmoid(self._moved(x)).clamp(max=1 - steep.finfo(x.dtype).eps)
        left = (1 - part).cumprod(-1)
        pad = steep.nn.functional.pad
        return pad(part, (0, 1), value=1.0) * pad(left, (1, 0), value=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        shares = y[..., :-1]
        left = (1 - shares.cumsum(-1)).clamp(min=steep.finfo(y.dtype).tiny)
        count = shares.shape[-1]
        rest = steep.arange(count, 0, -1, dtype=y.dtype)
        return shares.log() - left.log() + rest.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        moved = self._moved(x)
        return (steep.nn.functional.logsigmoid(moved) - moved + y[..., :-1].log()).sum(-1)


class LowerCholeskyTransform(Transform):
    """Any square matrix to a lower triangular one whose diagonal is the exponential of its own."""

    domain: Any = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + steep.diag_embed(x.diagonal(dim1=-2, dim2=-1).exp())

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + steep.diag_embed(y.diagonal(dim1=-2, dim2=-1).log())


class PositiveDefiniteTransform(Transform):
    """Any square matrix to a positive definite one, by way of its Cholesky factor."""

    domain: Any = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform()._inverse(steep.linalg.cholesky(y))
