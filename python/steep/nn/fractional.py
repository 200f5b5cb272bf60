"""Layers of fractional max pooling."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor
from steep.nn._fractional import (
    Ratios,
    check_ratio,
    fractional_max_pool2d,
    fractional_max_pool3d,
)
from steep.nn._pool import Sizes, each
from steep.nn.module import Module

__all__ = ["FractionalMaxPool2d", "FractionalMaxPool3d"]


class _FractionalMaxPool(Module):
    """What both classes share."""

    _axes: int

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: Ratios | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        axes = self._axes
        check_ratio(type(self).__name__, output_size, output_ratio, axes)
        self.kernel_size = each(kernel_size, axes)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else each(output_size, axes)
        self.output_ratio: Any = None
        if output_ratio is not None:
            self.output_ratio = each(output_ratio, axes)  # type: ignore[arg-type]

    def forward(self, input: Tensor) -> Any:
        """The pooled input; with `return_indices`, and the places of the largest."""
        pool = fractional_max_pool2d if self._axes == 2 else fractional_max_pool3d
        settings = (self.kernel_size, self.output_size, self.output_ratio, self.return_indices)
        return pool(input, *settings, _random_samples=self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPool):
    """Max pooling over windows at drawn places, to any smaller size; see
    `steep.nn.functional.fractional_max_pool2d`.

    Args:
        kernel_size: the windows' size, one number or one for each axis.
        output_size: the result's size, or ``None`` for `output_ratio`.
        output_ratio: the result's size as a fraction of the input's.
        return_indices: whether to give the places of the largest as well. Default: ``False``.

    Shapes: ``(N, C, H, W)`` or ``(C, H, W)`` to ``(N, C, *size)`` or ``(C, *size)``.

    Raises:
        ValueError: unless exactly one of `output_size` and `output_ratio` is given; for a ratio
            that is not between 0 and 1.

    Example:
        >>> import steep
        >>> pool = steep.nn.FractionalMaxPool2d(2, output_ratio=0.5)
        >>> pool(steep.rand(1, 3, 8, 6)).shape
        steep.Size([1, 3, 4, 3])
    """

    _axes = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """`FractionalMaxPool2d` over volumes: ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    Example:
        >>> import steep
        >>> steep.nn.FractionalMaxPool3d(2, output_size=2)(steep.rand(1, 4, 4, 4)).shape
        steep.Size([1, 2, 2, 2])
    """

    _axes = 3
