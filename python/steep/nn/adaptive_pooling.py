"""Pooling to a given size, whatever the input's."""

from __future__ import annotations

from typing import Any, ClassVar

from steep._core import Tensor
from steep.nn._pool import Output, adaptive
from steep.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]


class _Adaptive(Module):
    """What pooling to a given size shares."""

    _axes: ClassVar[int]
    output_size: Output

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class _AdaptiveAvgPool(_Adaptive):
    def __init__(self, output_size: Output) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Pool to `output_size`."""
        result: Tensor = adaptive("avg", self._axes, input, self.output_size)
        return result


class _AdaptiveMaxPool(_Adaptive):
    def __init__(self, output_size: Output, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """Pool to `output_size`."""
        return adaptive("max", self._axes, input, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of `output_size` windows that cut sequences into nearly equal parts.

    Window o is that from ``floor(o L / output_size)`` to ``ceil((o + 1) L / output_size)``. Shapes:
    input ``(N, C, L)`` or ``(C, L)``, out ``(N, C, output_size)``.

    Args:
        output_size: how many windows.

    Raises:
        RuntimeError: when called with an input of other dimensions, or with none of a size.

    Example:
        >>> import steep
        >>> steep.nn.AdaptiveAvgPool1d(2)(steep.tensor([[1.0, 2.0, 3.0]]))
        tensor([[1.5000, 2.5000]])
    """

    _axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means that bring images to `output_size`: `AdaptiveAvgPool1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or ``(C, H, W)``, out ``(N, C, *output_size)``.

    Args:
        output_size: one number or one for each axis; ``None`` keeps the input's.

    Example:
        >>> import steep
        >>> tuple(steep.nn.AdaptiveAvgPool2d((None, 7))(steep.zeros(1, 64, 10, 9)).shape)
        (1, 64, 10, 7)
    """

    _axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means that bring volumes to `output_size`: `AdaptiveAvgPool2d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or ``(C, D, H, W)``, out ``(N, C, *output_size)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.AdaptiveAvgPool3d(1)(steep.zeros(1, 64, 4, 5, 6)).shape)
        (1, 64, 1, 1, 1)
    """

    _axes = 3


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of the windows of `AdaptiveAvgPool1d`.

    Shapes: input ``(N, C, L)`` or ``(C, L)``, out ``(N, C, output_size)``.

    Args:
        output_size: how many windows.
        return_indices: return where the elements were as well. Default: ``False``.

    Raises:
        RuntimeError: when called with an input of other dimensions, or with none of a size.

    Example:
        >>> import steep
        >>> steep.nn.AdaptiveMaxPool1d(2)(steep.tensor([[1.0, 2.0, 3.0]]))
        tensor([[2., 3.]])
    """

    _axes = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Largest elements that bring images to `output_size`: `AdaptiveMaxPool1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or ``(C, H, W)``, out ``(N, C, *output_size)``, of which each may
    be ``None``: the input's.

    Example:
        >>> import steep
        >>> tuple(steep.nn.AdaptiveMaxPool2d((5, 7))(steep.zeros(1, 64, 8, 9)).shape)
        (1, 64, 5, 7)
    """

    _axes = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Largest elements that bring volumes to `output_size`: `AdaptiveMaxPool2d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or ``(C, D, H, W)``, out ``(N, C, *output_size)``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.AdaptiveMaxPool3d((2, None, 1))(steep.zeros(1, 64, 4, 5, 6)).shape)
        (1, 64, 2, 5, 1)
    """

    _axes = 3
