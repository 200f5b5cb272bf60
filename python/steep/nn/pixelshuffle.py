"""Channels laid out as places of images, and back, as modules."""

from __future__ import annotations

__all__: list[str] = []

# Written by tools/make_stubs.py from here on, from the operations' records.
from steep._core import Tensor, pixel_shuffle, pixel_unshuffle
from steep.nn.module import Module

__all__ += ["PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """Lay channels out as places; see `functional.pixel_shuffle`.

    Args:
        upscale_factor: how many times as high and as wide images become.

    Example:
        >>> import steep
        >>> tuple(steep.nn.PixelShuffle(3)(steep.zeros(1, 9, 4, 4)).shape)
        (1, 1, 12, 12)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Apply `pixel_shuffle` with the arguments it was made with."""
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Lay places out as channels; see `functional.pixel_unshuffle`.

    Args:
        downscale_factor: how many times as low and as narrow images become.

    Example:
        >>> import steep
        >>> tuple(steep.nn.PixelUnshuffle(3)(steep.zeros(1, 1, 12, 12)).shape)
        (1, 9, 4, 4)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Apply `pixel_unshuffle` with the arguments it was made with."""
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"downscale_factor={self.downscale_factor}"
