"""`HalfNormal`."""

from __future__ import annotations

import math
from typing import Any

from steep._core import Tensor
from steep.distributions._half import Half
from steep.distributions.normal import Normal

__all__ = ["HalfNormal"]


class HalfNormal(Half):
    """The absolute value of a normal draw around 0.

    Args:
        scale: the standard deviation of the normal draw, above 0.
        validate_args: whether to check arguments and values. Default: ``True``.

    Example:
        >>> import steep
        >>> steep.distributions.HalfNormal(1.0).mean
        tensor(0.7979)
    """

    base_dist: Normal

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0.0, scale, False), validate_args)

    @property
    def mean(self) -> Tensor:
        """``scale sqrt(2 / pi)``."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        """``scale**2 (1 - 2 / pi)``."""
        return self.scale**2 * (1 - 2 / math.pi)
