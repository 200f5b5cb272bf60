"""Pooling over one, two and three axes: maxima, means and norms of windows."""

from __future__ import annotations

from typing import Any

from steep._core import (
    Tensor,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from steep.nn._pool import Sizes, each
from steep.nn.module import Module

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


class _MaxPool(Module):
    """What the three maxima share."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def _settings(self) -> tuple[Any, ...]:
        windows = (self.kernel_size, self.stride, self.padding, self.dilation)
        return (*windows, self.ceil_mode, self.return_indices)

    def extra_repr(self) -> str:
        """The windows."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window of sequences; see `functional.max_pool1d`.

    Shapes: input ``(N, C, L)`` or ``(C, L)``, out ``(N, C, L')`` with ``L' = (L + 2 padding -
    dilation (kernel_size - 1) - 1) / stride + 1``, rounded down, or up with `ceil_mode`.

    Args:
        kernel_size: length of the windows.
        stride: steps between neighbouring windows. Default: `kernel_size`.
        padding: places added at both ends, which are never the largest. Default: 0.
        dilation: steps between the elements of a window. Default: 1.
        return_indices: return where the elements were as well, for `MaxUnpool1d`. Default:
            ``False``.
        ceil_mode: whether a last window that is not filled counts. Default: ``False``.

    Raises:
        RuntimeError: when called with an input that the windows do not fit.

    Example:
        >>> import steep
        >>> steep.nn.MaxPool1d(2)(steep.tensor([[1.0, 3.0, 2.0, 5.0]]))
        tensor([[3., 5.]])
    """

    def forward(self, input: Tensor) -> Any:
        """Pool: ``(N, C, L)`` to ``(N, C, L')``."""
        return max_pool1d(input, *self._settings())


class MaxPool2d(_MaxPool):
    """The largest element of each window of images: `MaxPool1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or ``(C, H, W)``, out ``(N, C, H', W')``. Arguments and errors
    are those of `MaxPool1d`; sizes are one number or one for each axis.

    Example:
        >>> import steep
        >>> tuple(steep.nn.MaxPool2d(3, stride=2, padding=1)(steep.zeros(1, 8, 32, 32)).shape)
        (1, 8, 16, 16)
    """

    def forward(self, input: Tensor) -> Any:
        """Pool: ``(N, C, H, W)`` to ``(N, C, H', W')``."""
        return max_pool2d(input, *self._settings())


class MaxPool3d(_MaxPool):
    """The largest element of each window of volumes: `MaxPool1d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or ``(C, D, H, W)``, out ``(N, C, D', H', W')``. Arguments and
    errors are those of `MaxPool1d`; sizes are one number or one for each axis.

    Example:
        >>> import steep
        >>> tuple(steep.nn.MaxPool3d(2)(steep.zeros(1, 4, 8, 8, 8)).shape)
        (1, 4, 4, 4, 4)
    """

    def forward(self, input: Tensor) -> Any:
        """Pool: ``(N, C, D, H, W)`` to ``(N, C, D', H', W')``."""
        return max_pool3d(input, *self._settings())


class _AvgPool(Module):
    """What the three means share."""

    def extra_repr(self) -> str:
        """The windows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window of sequences; see `functional.avg_pool1d`.

    Shapes: as `MaxPool1d`, without dilation.

    Args:
        kernel_size: length of the windows.
        stride: steps between neighbouring windows. Default: `kernel_size`.
        padding: zeros added at both ends. Default: 0.
        ceil_mode: whether a last window that is not filled counts. Default: ``False``.
        count_include_pad: whether the zeros are counted. Default: ``True``.

    Raises:
        ValueError: if a size is several numbers.
        RuntimeError: when called with an input that the windows do not fit.

    Example:
        >>> import steep
        >>> steep.nn.AvgPool1d(2)(steep.tensor([[1.0, 3.0, 2.0, 5.0]]))
        tensor([[2.0000, 3.5000]])
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = each(kernel_size, 1)
        self.stride = self.kernel_size if stride is None else each(stride, 1)
        self.padding = each(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Pool: ``(N, C, L)`` to ``(N, C, L')``."""
        windows = (self.kernel_size, self.stride, self.padding)
        return avg_pool1d(input, *windows, self.ceil_mode, self.count_include_pad)


class _AvgPoolNd(_AvgPool):
    """What the means of images and volumes share."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def _settings(self) -> tuple[Any, ...]:
        windows = (self.kernel_size, self.stride, self.padding)
        return (*windows, self.ceil_mode, self.count_include_pad, self.divisor_override)


class AvgPool2d(_AvgPoolNd):
    """The mean of each window of images: `AvgPool1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or ``(C, H, W)``, out ``(N, C, H', W')``. Arguments are those of
    `AvgPool1d`, one number or one for each axis; besides them

    Args:
        divisor_override: what sums are divided by in place of the count. Default: ``None``.

    Example:
        >>> import steep
        >>> steep.nn.AvgPool2d(2)(steep.tensor([[[1.0, 3.0], [2.0, 5.0]]]))
        tensor([[[2.7500]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pool: ``(N, C, H, W)`` to ``(N, C, H', W')``."""
        return avg_pool2d(input, *self._settings())


class AvgPool3d(_AvgPoolNd):
    """The mean of each window of volumes: `AvgPool2d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or ``(C, D, H, W)``, out ``(N, C, D', H', W')``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.AvgPool3d(2)(steep.zeros(1, 4, 8, 8, 8)).shape)
        (1, 4, 4, 4, 4)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pool: ``(N, C, D, H, W)`` to ``(N, C, D', H', W')``."""
        return avg_pool3d(input, *self._settings())


class _LPPool(Module):
    """What the three norms share."""

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        """The norm and the windows."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm of each window of sequences; see `functional.lp_pool1d`.

    Shapes: as `MaxPool1d`, without padding and dilation.

    Args:
        norm_type: p, not 0.
        kernel_size: length of the windows.
        stride: steps between neighbouring windows. Default: `kernel_size`.
        ceil_mode: whether a last window that is not filled counts. Default: ``False``.

    Raises:
        ValueError: when called with a `norm_type` of 0.

    Example:
        >>> import steep
        >>> steep.nn.LPPool1d(2, 2)(steep.tensor([[3.0, 4.0]]))
        tensor([[5.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pool: ``(N, C, L)`` to ``(N, C, L')``."""
        return lp_pool1d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPool):
    """The p-norm of each window of images: `LPPool1d` over two axes.

    Shapes: input ``(N, C, H, W)`` or ``(C, H, W)``, out ``(N, C, H', W')``.

    Example:
        >>> import steep
        >>> steep.nn.LPPool2d(1, 2)(steep.ones(1, 2, 2))
        tensor([[[4.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pool: ``(N, C, H, W)`` to ``(N, C, H', W')``."""
        return lp_pool2d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPool):
    """The p-norm of each window of volumes: `LPPool1d` over three axes.

    Shapes: input ``(N, C, D, H, W)`` or ``(C, D, H, W)``, out ``(N, C, D', H', W')``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.LPPool3d(2, 2)(steep.ones(1, 4, 4, 4)).shape)
        (1, 2, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pool: ``(N, C, D, H, W)`` to ``(N, C, D', H', W')``."""
        return lp_pool3d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)
