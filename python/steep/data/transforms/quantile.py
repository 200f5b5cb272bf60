"""Each column by the ranks of its values: what is spread unevenly becomes even, or normal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steep.data.tables.columns import Array
from steep.data.transforms._normal import normal_cdf, normal_quantile
from steep.data.transforms.base import Transform
from steep.data.transforms.inputs import check_finite, given_back, numbers_in

__all__ = ["QuantileTransformer"]

_LEAST = 1e-7  # the probability beyond which the normal's quantiles are cut off: -5.2 to 5.2


def _quantiles(ordered: Array, most: int) -> Array:
    """Values at evenly spaced ranks of sorted columns."""
    last = len(ordered) - 1
    count = min(most, last + 1)
    # In whole numbers, so that a value which is a quantile is that very value.
    rank, rest = np.divmod(np.arange(count) * last, max(1, count - 1))
    below, above = ordered[rank], ordered[np.minimum(rank + 1, last)]
    found = below + (above - below) * (rest / max(1, count - 1))[:, None]
    rising: Array = np.maximum.accumulate(found)  # but for roundings it is; np.interp wants it so
    return rising


class QuantileTransformer(Transform):
    """Map each column to a uniform or normal distribution, by its empirical quantiles.

    Between two quantiles the map is linear; beyond the least and greatest training value it is
    constant. Outliers lose their force, and so do distances: only ranks count. All rows are used.

    Args:
        n_quantiles: how many quantiles are kept, no more than there are rows. Default: 1000.
        output_distribution: ``"uniform"``, on [0, 1], or ``"normal"``, cut off at about ±5.2.

    Attributes:
        quantiles: float64 ``[quantiles, columns]``; set by `fit`.

    Raises:
        ValueError: if the number or the name is none of these.

    Example:
        >>> import steep
        >>> from steep.data.transforms import QuantileTransformer
        >>> incomes = [[10.0], [20.0], [40.0], [80.0], [1e6]]
        >>> QuantileTransformer().fit(incomes).transform([[20.0], [60.0], [2e6]]).ravel().tolist()
        [0.25, 0.625, 1.0]
    """

    _arguments = ("n_quantiles", "output_distribution")
    _learned = ("quantiles",)
    quantiles: Array

    def __init__(self, n_quantiles: int = 1000, output_distribution: str = "uniform") -> None:
        if n_quantiles < 2:
            raise ValueError(f"QuantileTransformer: expected n_quantiles >= 2, got {n_quantiles}")
        if output_distribution not in ("uniform", "normal"):
            raise ValueError(
                "QuantileTransformer: expected output_distribution 'uniform' or 'normal', got "
                f"{output_distribution!r}"
            )
        self.n_quantiles = n_quantiles
        self.output_distribution = output_distribution

    def fit(self, x: Any) -> QuantileTransformer:
        """Learn the quantiles of the training part, ``[rows, columns]``.

        Raises:
            ValueError: if there is no row, or a value is nan, infinite or no number.
        """
        what = "QuantileTransformer.fit"
        values, names = numbers_in(x, what)
        if len(values) == 0:
            raise ValueError(f"{what}: expected at least one row, got shape {values.shape}")
        check_finite(values, what)
        flat = values.reshape(len(values), -1).astype(np.float64)
        self.quantiles = _quantiles(np.sort(flat, axis=0), self.n_quantiles)
        self.names = names
        return self

    def _columns(self, x: Any, method: str) -> Array:
        self._check_fitted()
        values, _ = numbers_in(x, f"QuantileTransformer.{method}", self.names)
        width = math.prod(values.shape[1:])
        if width != self.quantiles.shape[1]:
            raise ValueError(
                f"QuantileTransformer.{method}: expected {self.quantiles.shape[1]} columns, as "
                f"fitted, got {width}"
            )
        return values

    def transform(self, x: Any) -> Any:
        """Map rows of the columns it was fitted on; nan stays nan.

        Raises:
            RuntimeError: if it is not fitted.
            ValueError: if the columns are not those it was fitted on.
        """
        values = self._columns(x, "transform")
        flat = values.reshape(len(values), self.quantiles.shape[1])
        out = np.empty(flat.shape, values.dtype)
        ranks = np.linspace(0, 1, len(self.quantiles))
        for i, known in enumerate(self.quantiles.T):
            column = flat[:, i].astype(np.float64)
            # Where values repeat, from below and from above differ: their mean is the middle rank.
            below = np.interp(column, known, ranks)
            above = -np.interp(-column, -known[::-1], -ranks[::-1])
            rank = 0.5 * (below + above)
            rank[column >= known[-1]] = 1
            rank[column <= known[0]] = 0
            out[:, i] = self._spread(rank)
        return given_back(out.reshape(values.shape), x)

    def _spread(self, rank: Array) -> Array:
        if self.output_distribution == "uniform":
            return rank
        return normal_quantile(np.clip(rank, _LEAST, 1 - _LEAST))

    def inverse_transform(self, x: Any) -> Any:
        """Back to the training part's units, within its range; arguments and errors as there."""
        values = self._columns(x, "inverse_transform")
        flat = values.reshape(len(values), self.quantiles.shape[1])
        out = np.empty(flat.shape, values.dtype)
        ranks = np.linspace(0, 1, len(self.quantiles))
        for i, known in enumerate(self.quantiles.T):
            column = flat[:, i]
            if self.output_distribution == "normal":
                ends = normal_quantile(np.array([_LEAST, 1 - _LEAST])).astype(column.dtype)
                rank = normal_cdf(column)
                rank = np.where(column <= ends[0], 0, np.where(column >= ends[1], 1, rank))
                column = rank
            out[:, i] = np.interp(column, ranks, known)
        return given_back(out.reshape(values.shape), x)
