"""Positive definite matrices, given in one of three ways, and their Cholesky factors."""

from __future__ import annotations

from typing import Any

import steep
from steep import linalg
from steep._core import Size, Tensor

__all__ = ["FactoredMatrix", "the_matrix"]

_WAYS = ("covariance_matrix", "precision_matrix", "scale_tril")


def the_matrix(*given: Tensor | None) -> tuple[str, Tensor]:
    """The name and value of the one that is given, in the order of `_WAYS`."""
    found = [(name, x) for name, x in zip(_WAYS, given, strict=True) if x is not None]
    if len(found) != 1:
        raise ValueError(
            "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
            f"specified, got {len(found)}"
        )
    name, matrix = found[0]
    if matrix.dim() < 2:
        raise ValueError(f"{name} must be at least two-dimensional, with optional batches")
    return name, matrix


class FactoredMatrix:
    """One of the three matrices in the object's dictionary; the others are made when asked for."""

    covariance_matrix: Tensor
    precision_matrix: Tensor
    scale_tril: Tensor
    _factor: Tensor
    _batch_shape: Size
    _event_shape: Size

    def _factorise(self, name: str, matrix: Tensor) -> None:
        """Note the lower triangle whose product with its transpose is the covariance."""
        if name == "scale_tril":
            self._factor = matrix
        else:
            factorise = linalg.cholesky if name == "covariance_matrix" else _factor_of_inverse
            self._factor = factorise(matrix)

    def __getattr__(self, name: str) -> Any:
        if name not in _WAYS:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        with steep.enable_grad():
            factor = self.__dict__["_factor"]
            if name == "scale_tril":
                found = factor
            elif name == "covariance_matrix":
                found = factor @ factor.mT
            else:
                found = linalg.inv(factor @ factor.mT)
        size = self._event_shape[0]
        return found.expand((*self._batch_shape, size, size))

    def _log_scale(self) -> Tensor:
        """The logarithm of the factor's determinant."""
        return self._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _factor_of_inverse(precision: Tensor) -> Tensor:
    """The Cholesky factor of the inverse, by that of the matrix turned around."""
    flipped = linalg.cholesky(precision.flip((-2, -1)))
    turned = flipped.flip((-2, -1)).mT
    identity = steep.eye(precision.shape[-1], dtype=precision.dtype)
    return linalg.solve_triangular(turned, identity.expand(precision.shape), upper=False)
