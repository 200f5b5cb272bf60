"""Convolutions that take the number of input channels from the first input."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, dtype
from steep.nn._conv import ConvNd, Sizes
from steep.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from steep.nn.lazy import LazyModuleMixin, materialize_all
from steep.nn.parameter import UninitializedParameter

__all__ = [
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]


class _Lazy(LazyModuleMixin, ConvNd):
    """What is lazy in all of them: weight and bias, and the channels of the input."""

    def _make_parameters(self, bias: bool, dtype: dtype | None) -> None:
        self.weight = UninitializedParameter(dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(dtype=dtype)
        else:
            self.register_parameter("bias", None)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, if they have a shape yet."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take the channels of the input, and draw weight and bias."""
        if not self.has_uninitialized_params():
            if self.in_channels == 0:  # they were loaded
                self.in_channels = self._channels_of(self.weight)
            return
        channels = self._channels_of_input(input)
        if channels % self.groups:
            raise ValueError(
                f"in_channels must be divisible by groups, got an input of {channels} channels "
                f"and groups={self.groups}"
            )
        self.in_channels = channels
        materialize_all(self, weight=self._weight_shape(), bias=(self.out_channels,))

    def _channels_of(self, weight: Tensor) -> int:
        return int(weight.shape[0] if self.transposed else weight.shape[1] * self.groups)

    def _channels_of_input(self, input: Tensor) -> int:
        dims = self._axes + 1
        if input.dim() not in (dims, dims + 1):
            raise RuntimeError(
                f"Expected {dims}D (unbatched) or {dims + 1}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {tuple(input.shape)}"
            )
        return int(input.shape[-dims])


class _LazyConv(_Lazy):
    """A convolution's arguments, without the number of input channels."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(
            0,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class _LazyConvTranspose(_Lazy):
    """A transposed convolution's arguments, without the number of input channels."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(
            0,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            bias,
            dilation,
            padding_mode,
            device,
            dtype,
        )


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` that takes `in_channels` from the first input; see `LazyModuleMixin`.

    The other arguments, and the values that are drawn, are those of `Conv1d`, which it becomes.

    Raises:
        RuntimeError: at the first call, if the input has not two or three dimensions.
        ValueError: then, if its channels cannot be divided by `groups`.

    Example:
        >>> import steep
        >>> layer = steep.nn.LazyConv1d(8, 3)
        >>> layer
        LazyConv1d(0, 8, kernel_size=(3,), stride=(1,))
        >>> tuple(layer(steep.zeros(2, 4, 10)).shape)
        (2, 8, 8)
        >>> layer
        Conv1d(4, 8, kernel_size=(3,), stride=(1,))
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A `Conv2d` that takes `in_channels` from the first input; see `LazyConv1d`.

    Example:
        >>> import steep
        >>> layer = steep.nn.LazyConv2d(8, 3)
        >>> tuple(layer(steep.zeros(2, 3, 10, 10)).shape), tuple(layer.weight.shape)
        ((2, 8, 8, 8), (8, 3, 3, 3))
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A `Conv3d` that takes `in_channels` from the first input; see `LazyConv1d`.

    Example:
        >>> import steep
        >>> layer = steep.nn.LazyConv3d(8, 3)
        >>> tuple(layer(steep.zeros(2, 3, 5, 5, 5)).shape)
        (2, 8, 3, 3, 3)
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A `ConvTranspose1d` that takes `in_channels` from the first input; see `LazyConv1d`.

    Example:
        >>> import steep
        >>> layer = steep.nn.LazyConvTranspose1d(8, 3)
        >>> tuple(layer(steep.zeros(2, 4, 10)).shape), tuple(layer.weight.shape)
        ((2, 8, 12), (4, 8, 3))
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A `ConvTranspose2d` that takes `in_channels` from the first input; see `LazyConv1d`.

    Example:
        >>> import steep
        >>> layer = steep.nn.LazyConvTranspose2d(8, 3, stride=2)
        >>> tuple(layer(steep.zeros(2, 4, 5, 5)).shape)
        (2, 8, 11, 11)
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A `ConvTranspose3d` that takes `in_channels` from the first input; see `LazyConv1d`.

    Example:
        >>> import steep
        >>> layer = steep.nn.LazyConvTranspose3d(8, 3)
        >>> tuple(layer(steep.zeros(2, 4, 5, 5, 5)).shape)
        (2, 8, 7, 7, 7)
    """

    cls_to_become = ConvTranspose3d
