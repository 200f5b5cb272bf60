"""`HalfCauchy`."""

from __future__ import annotations

import math
from typing import Any

import steep
from steep._core import Tensor
from steep.distributions._half import Half
from steep.distributions.cauchy import Cauchy

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """The absolute value of a draw of a `Cauchy` distribution around 0.

    Args:
        scale: half of the distance between the quartiles of that draw, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.HalfCauchy(1.0).cdf(steep.tensor(1.0))
        tensor(0.5000)
    """

    base_dist: Cauchy

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0.0, scale, False), validate_args)

    @property
    def mean(self) -> Tensor:
        """Infinite."""
        return steep.full_like(self.scale, math.inf)

    @property
    def variance(self) -> Tensor:
        """Infinite."""
        return steep.full_like(self.scale, math.inf)
