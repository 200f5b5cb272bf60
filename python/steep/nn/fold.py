"""Windows of images laid out as columns, and their sum, as modules."""

from __future__ import annotations

__all__: list[str] = []

# Written by tools/make_stubs.py from here on, from the operations' records.
from steep._core import Tensor, fold, unfold
from steep.nn.module import Module

__all__ += ["Fold", "Unfold"]


class Fold(Module):
    """Add windows, given as columns, up to images; see `functional.fold`.

    Args:
        output_size: height and width of the images, one number or two.
        kernel_size: size of the windows, one number or two.
        dilation: steps between the elements of a window. Default: 1.
        padding: zeros that were added at both ends of each axis. Default: 0.
        stride: steps between neighbouring windows. Default: 1.

    Example:
        >>> import steep
        >>> tuple(steep.nn.Fold((4, 5), (2, 2))(steep.zeros(1, 12, 12)).shape)
        (1, 3, 4, 5)
    """

    def __init__(
        self,
        output_size: int | tuple[int, ...],
        kernel_size: int | tuple[int, ...],
        dilation: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        stride: int | tuple[int, ...] = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Apply `fold` with the arguments it was made with."""
        return fold(
            input,
            self.output_size,
            self.kernel_size,
            self.dilation,
            self.padding,
            self.stride,
        )

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return (
            f"output_size={self.output_size}, "
            f"kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, "
            f"padding={self.padding}, "
            f"stride={self.stride}"
        )


class Unfold(Module):
    """Lay the windows of images out as columns; see `functional.unfold`.

    Args:
        kernel_size: size of the windows, one number or two.
        dilation: steps between the elements of a window. Default: 1.
        padding: zeros added at both ends of each axis. Default: 0.
        stride: steps between neighbouring windows. Default: 1.

    Example:
        >>> import steep
        >>> tuple(steep.nn.Unfold((2, 3))(steep.zeros(2, 5, 3, 4)).shape)
        (2, 30, 4)
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        dilation: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        stride: int | tuple[int, ...] = 1,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Apply `unfold` with the arguments it was made with."""
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return (
            f"kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, "
            f"padding={self.padding}, "
            f"stride={self.stride}"
        )
