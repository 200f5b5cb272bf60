"""The way back from max pooling: values at the places that they were found at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from steep._core import Tensor, max_unpool1d, max_unpool2d, max_unpool3d
from steep.nn._pool import Sizes, each
from steep.nn.module import Module

__all__ = [
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _MaxUnpool(Module):
    """What the three inverses share."""

    _axes: ClassVar[int]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = each(kernel_size, self._axes)
        self.stride = self.kernel_size if stride is None else each(stride, self._axes)
        self.padding = each(padding, self._axes)

    def extra_repr(self) -> str:
        """The windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Put what `MaxPool1d` took back to where it was, among zeros.

    Shapes: input and indices ``(N, C, L)`` or ``(C, L)``, out ``(N, C, L')`` with ``L' = (L - 1)
    stride - 2 padding + kernel_size``, or the `output_size` given when it is called.

    Args:
        kernel_size: length of the windows.
        stride: steps between neighbouring windows. Default: `kernel_size`.
        padding: places that were added at both ends. Default: 0.

    Raises:
        RuntimeError: when called with an index outside of the result.
        ValueError: when called with an `output_size` that cannot have been.

    Example:
        >>> import steep
        >>> x, where = steep.tensor([[3.0, 5.0]]), steep.tensor([[1, 3]])
        >>> steep.nn.MaxUnpool1d(2)(x, where)
        tensor([[0., 3., 0., 5.]])
    """

    _axes = 1

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Put back: ``(N, C, L)`` to ``(N, C, L')``."""
        windows = (self.kernel_size, self.stride, self.padding)
        return max_unpool1d(input, indices, *windows, output_size)


class MaxUnpool2d(_MaxUnpool):
    """Put what `MaxPool2d` took back: `MaxUnpool1d` over two axes.

    Shapes: input and indices ``(N, C, H, W)`` or ``(C, H, W)``, out ``(N, C, H', W')``.

    Example:
        >>> import steep
        >>> pool = steep.nn.MaxPool2d(2, return_indices=True)
        >>> out, where = pool(steep.zeros(1, 3, 4, 4))
        >>> tuple(steep.nn.MaxUnpool2d(2)(out, where).shape)
        (1, 3, 4, 4)
    """

    _axes = 2

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Put back: ``(N, C, H, W)`` to ``(N, C, H', W')``."""
        windows = (self.kernel_size, self.stride, self.padding)
        return max_unpool2d(input, indices, *windows, output_size)


class MaxUnpool3d(_MaxUnpool):
    """Put what `MaxPool3d` took back: `MaxUnpool1d` over three axes.

    Shapes: input and indices ``(N, C, D, H, W)`` or ``(C, D, H, W)``, out ``(N, C, D', H', W')``.

    Example:
        >>> import steep
        >>> pool = steep.nn.MaxPool3d(2, return_indices=True)
        >>> out, where = pool(steep.zeros(1, 3, 4, 4, 4))
        >>> tuple(steep.nn.MaxUnpool3d(2)(out, where).shape)
        (1, 3, 4, 4, 4)
    """

    _axes = 3

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Put back: ``(N, C, D, H, W)`` to ``(N, C, D', H', W')``."""
        windows = (self.kernel_size, self.stride, self.padding)
        return max_unpool3d(input, indices, *windows, output_size)
