"""Pooling over one, two and three axes: maxima, means and norms of windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

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
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from steep.nn._pool import Output, Sizes, adaptive, each
from steep.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
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
