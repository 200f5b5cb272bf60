"""Upsampling: sequences, images and volumes made larger."""

from __future__ import annotations

from collections.abc import Sequence

from steep._core import Tensor
from steep.nn._interpolate import Factors, interpolate
from steep.nn.module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """Bring the input to another size; see `functional.interpolate` for the formulas.

    Shapes: input ``(N, C, L)``, ``(N, C, H, W)`` or ``(N, C, D, H, W)``, out as long as `size` or
    ``floor(L scale_factor)`` along each axis.

    Args:
        size: of the result, one number or one for each axis.
        scale_factor: how many times as long the result is, in place of `size`.
        mode: ``'nearest'``, ``'linear'``, ``'bilinear'``, ``'bicubic'`` or ``'trilinear'``.
            Default: ``'nearest'``.
        align_corners: whether the first and last elements stay where they are. Default: ``False``.
        recompute_scale_factor: go by the quotient of the sizes rather than by `scale_factor`.
            Default: ``False``.

    Raises:
        ValueError: when called, for both or neither of `size` and `scale_factor`.
        NotImplementedError: when called, for a mode of other dimensions.

    Example:
        >>> import steep
        >>> steep.nn.Upsample(scale_factor=2)(steep.tensor([[[1.0, 3.0]]]))
        tensor([[[1., 1., 3., 3.]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: Factors | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor: Factors | None = None
        if isinstance(scale_factor, Sequence):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        elif scale_factor is not None:
            self.scale_factor = float(scale_factor)
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Interpolate."""
        return interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """The size or the factor, and the mode."""
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Bring images to another size by the nearest neighbour: `Upsample` of that mode.

    Args:
        size: of the result, one number or one for each axis.
        scale_factor: how many times as long the result is, in place of `size`.

    Example:
        >>> import steep
        >>> tuple(steep.nn.UpsamplingNearest2d(scale_factor=2)(steep.zeros(1, 3, 4, 4)).shape)
        (1, 3, 8, 8)
    """

    def __init__(
        self, size: int | Sequence[int] | None = None, scale_factor: Factors | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Bring images to another size by their neighbours, corners aligned: `Upsample` so set.

    Args:
        size: of the result, one number or one for each axis.
        scale_factor: how many times as long the result is, in place of `size`.

    Example:
        >>> import steep
        >>> steep.nn.UpsamplingBilinear2d((1, 3))(steep.tensor([[[[1.0, 3.0]]]]))
        tensor([[[[1., 2., 3.]]]])
    """

    def __init__(
        self, size: int | Sequence[int] | None = None, scale_factor: Factors | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
