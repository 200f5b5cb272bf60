"""Convolutions over one, two and three axes, and transposed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steep._core import (
    Tensor,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    dtype,
)
from steep.nn._conv import ConvNd, Sizes

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]


class _Conv(ConvNd):
    """A convolution's arguments."""

    def __init__(
        self,
        in_channels: int,
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
        super().__init__()
        channels = (in_channels, out_channels)
        self._set_up(
            channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class _ConvTranspose(ConvNd):
    """A transposed convolution's arguments."""

    _transposed = True

    def __init__(
        self,
        in_channels: int,
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
        super().__init__()
        channels = (in_channels, out_channels)
        self._set_up(
            channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class Conv1d(_Conv):
    """Convolve sequences with learned kernels; see `functional.conv1d` for the formula.

    Shapes: input ``(N, in_channels, L)`` or without N, weight ``(out_channels, in_channels /
    groups, kernel_size)``, bias ``(out_channels,)``, out ``(N, out_channels, L')`` with ``L' = (L +
    2 padding - dilation (kernel_size - 1) - 1) / stride + 1``, rounded down.

    Weight and bias are drawn from U(-k, k), ``k = 1 / sqrt(in_channels / groups * kernel_size)``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result: as many kernels.
        kernel_size: length of the kernels.
        stride: steps between neighbouring results. Default: 1.
        padding: elements added at both ends, or ``'same'`` or ``'valid'``. Default: 0.
        dilation: steps between neighbouring places of a kernel. Default: 1.
        groups: into how many parts the channels are split, each convolved by itself. Default: 1.
        bias: whether there is one. Default: ``True``.
        padding_mode: ``'zeros'``, ``'reflect'``, ``'replicate'`` or ``'circular'``. Default:
            ``'zeros'``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        ValueError: if groups do not divide the channels, or a setting is none of those above.
        RuntimeError: when called with an input that does not fit.

    Example:
        >>> import steep
        >>> layer = steep.nn.Conv1d(16, 33, 3, stride=2)
        >>> tuple(layer(steep.zeros(20, 16, 50)).shape)
        (20, 33, 24)
        >>> layer
        Conv1d(16, 33, kernel_size=(3,), stride=(2,))
    """

    _axes = 1

    def forward(self, input: Tensor) -> Tensor:
        """Convolve: ``(N, in_channels, L)`` to ``(N, out_channels, L')``."""
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return self._convolved(conv1d, input, weight, bias)


class Conv2d(_Conv):
    """Convolve images with learned kernels: `Conv1d` over two axes.

    Shapes: input ``(N, in_channels, H, W)`` or without N, weight ``(out_channels, in_channels /
    groups, *kernel_size)``, out ``(N, out_channels, H', W')``. kernel_size, stride, padding and
    dilation are one number or one for each axis. Arguments, draws and errors are those of `Conv1d`.

    Example:
        >>> import steep
        >>> layer = steep.nn.Conv2d(3, 8, 3, padding=1)
        >>> tuple(layer(steep.zeros(2, 3, 28, 28)).shape)
        (2, 8, 28, 28)
        >>> layer
        Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """

    _axes = 2

    def forward(self, input: Tensor) -> Tensor:
        """Convolve: ``(N, in_channels, H, W)`` to ``(N, out_channels, H', W')``."""
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return self._convolved(conv2d, input, weight, bias)


class Conv3d(_Conv):
    """Convolve volumes with learned kernels: `Conv1d` over three axes.

    Shapes: input ``(N, in_channels, D, H, W)`` or without N, out ``(N, out_channels, D', H', W')``.
    Arguments, draws and errors are those of `Conv1d`.

    Example:
        >>> import steep
        >>> tuple(steep.nn.Conv3d(1, 2, (1, 3, 3))(steep.zeros(1, 1, 4, 5, 6)).shape)
        (1, 2, 4, 3, 4)
    """

    _axes = 3

    def forward(self, input: Tensor) -> Tensor:
        """Convolve: ``(N, in_channels, D, H, W)`` to ``(N, out_channels, D', H', W')``."""
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return self._convolved(conv3d, input, weight, bias)


class ConvTranspose1d(_ConvTranspose):
    """The gradient of `Conv1d` with respect to its input, as a layer: it makes sequences longer.

    Shapes: input ``(N, in_channels, L)`` or without N, weight ``(in_channels, out_channels /
    groups, kernel_size)``, out ``(N, out_channels, L')`` with ``L' = (L - 1) stride - 2 padding +
    dilation (kernel_size - 1) + output_padding + 1``.

    Arguments, draws and errors are those of `Conv1d`, in PyTorch's order; besides them

    Args:
        output_padding: added to one end of the result, less than stride or dilation: which of the
            lengths that `Conv1d` would have made equal. Default: 0.

    Example:
        >>> import steep
        >>> layer = steep.nn.ConvTranspose1d(2, 1, 2, stride=2)
        >>> tuple(layer(steep.zeros(1, 2, 5)).shape)
        (1, 1, 10)
    """

    _axes = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Convolve back; `output_size` takes the place of output_padding."""
        return self._transposed_of(conv_transpose1d, input, output_size)


class ConvTranspose2d(_ConvTranspose):
    """The gradient of `Conv2d` with respect to its input, as a layer: it makes images larger.

    `ConvTranspose1d` over two axes.

    Example:
        >>> import steep
        >>> layer = steep.nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1)
        >>> tuple(layer(steep.zeros(1, 4, 6, 6), output_size=[12, 12]).shape)
        (1, 2, 12, 12)
    """

    _axes = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Convolve back; `output_size` takes the place of output_padding."""
        return self._transposed_of(conv_transpose2d, input, output_size)


class ConvTranspose3d(_ConvTranspose):
    """The gradient of `Conv3d` with respect to its input, as a layer: it makes volumes larger.

    `ConvTranspose1d` over three axes.

    Example:
        >>> import steep
        >>> tuple(steep.nn.ConvTranspose3d(1, 1, 2)(steep.zeros(1, 1, 2, 2, 2)).shape)
        (1, 1, 3, 3, 3)
    """

    _axes = 3

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Convolve back; `output_size` takes the place of output_padding."""
        return self._transposed_of(conv_transpose3d, input, output_size)
