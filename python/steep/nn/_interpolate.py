"""Interpolation under PyTorch's name, with its many ways of saying a size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from steep._core import Tensor, interpolate_to
from steep.nn._pool import adaptive

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

Factors = float | Sequence[float]
_PICKING = ("nearest", "nearest-exact", "area")
_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def _each(what: str, given: Any, axes: int, input: Tensor) -> list[Any]:
    """One number for all axes, or one for each."""
    if not isinstance(given, Sequence):
        return [given] * axes
    if len(given) != axes:
        raise ValueError(
            "interpolate: Input and output must have the same number of spatial dimensions, but "
            f"got input with spatial dimensions of {list(input.shape[2:])} and {what} {given}"
        )
    return list(given)


def _check_mode(mode: str, input: Tensor, align_corners: bool | None, antialias: bool) -> None:
    if mode in _PICKING and align_corners is not None:
        raise ValueError(
            "interpolate: align_corners option can only be set with the interpolating modes: "
            "linear | bilinear | bicubic | trilinear"
        )
    if antialias and not (mode in ("bilinear", "bicubic") and input.dim() == 4):
        raise ValueError(
            "interpolate: Anti-alias option is restricted to bilinear and bicubic modes and "
            "requires a 4-D tensor as input"
        )
    if (mode not in _PICKING and mode not in _AXES) or not 3 <= input.dim() <= 5:
        raise NotImplementedError(
            "interpolate: Only 3D, 4D and 5D input Tensors supported for the modes: nearest | "
            "linear | bilinear | bicubic | trilinear | area | nearest-exact (got "
            f"{input.dim()}D and {mode})"
        )
    if mode in _AXES and input.dim() != _AXES[mode] + 2:
        raise NotImplementedError(
            f"interpolate: Got {input.dim()}D input, but {mode} mode needs {_AXES[mode] + 2}D input"
        )


def _sizes(
    input: Tensor, size: Any, scale_factor: Factors | None, recompute: bool
) -> tuple[list[int], list[float]]:
    """The sizes of the result, and the factors that count besides; 0 for none."""
    axes = input.dim() - 2
    if (size is None) == (scale_factor is None):
        which = "either" if size is None else "only one of"
        raise ValueError(f"interpolate: {which} size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError(
                "interpolate: recompute_scale_factor is not meaningful with an explicit size."
            )
        sizes = _each("size", size, axes, input)
        if not all(isinstance(one, int) for one in sizes):
            raise TypeError(f"interpolate: expected size to be one int or {axes}, got {size}")
        return sizes, [0.0] * axes
    factors = [float(one) for one in _each("scale_factor", scale_factor, axes, input)]
    if not all(0 < one < math.inf for one in factors):
        raise ValueError(f"interpolate: expected scale_factor above 0, got {scale_factor}")
    pairs = zip(input.shape[2:], factors, strict=True)
    sizes = [math.floor(float(known) * factor) for known, factor in pairs]
    return sizes, [0.0] * axes if recompute else factors


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: Factors | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Bring sequences, images or volumes to another size.

    An element o of the result stands at ``(o + 0.5) s - 0.5`` of the input, with s the quotient of
    the sizes or ``1 / scale_factor``, or with `align_corners` at ``o (L - 1) / (L' - 1)``, and is
    made of its neighbours there, along each axis by itself. Shapes: input ``(N, C, L)``,
    ``(N, C, H, W)`` or ``(N, C, D, H, W)``, out as long as `size` or ``floor(L scale_factor)``.

    Args:
        size: of the result, one number or one for each axis.
        scale_factor: how many times as long the result is, in place of `size`.
        mode: ``'nearest'`` takes element ``floor(o s)``, ``'nearest-exact'`` the one at
            ``floor((o + 0.5) s)``;
            ``'linear'``, ``'bilinear'`` and ``'trilinear'`` weigh two neighbours along each axis of
            3D, 4D and 5D input, ``'bicubic'`` four (Keys, 1981, with a = -0.75); ``'area'`` is
            `adaptive_avg_pool2d` and its like. Default: ``'nearest'``.
        align_corners: whether the first and last elements stay where they are. Default: ``False``.
        recompute_scale_factor: go by the quotient of the sizes rather than by `scale_factor`.
            Default: ``False``.
        antialias: weigh all that a step goes over, where the result is smaller, with 4D input and
            ``'bilinear'`` or ``'bicubic'`` (a = -0.5). Default: ``False``.

    Raises:
        ValueError: for both or neither of `size` and `scale_factor`, another count of them than of
            axes, and options that a mode has not.
        NotImplementedError: for an unknown mode, one of other dimensions, and for integers, unless
            it is the nearest neighbour that is taken.
        RuntimeError: for sizes of 0.

    Example:
        >>> import steep
        >>> x = steep.tensor([[[1.0, 3.0]]])
        >>> steep.nn.functional.interpolate(x, scale_factor=2)
        tensor([[[1., 1., 3., 3.]]])
        >>> steep.nn.functional.interpolate(x, size=3, mode="linear", align_corners=True)
        tensor([[[1., 2., 3.]]])
    """
    _check_mode(mode, input, align_corners, antialias)
    area = mode == "area"
    recompute = bool(recompute_scale_factor) or (area and size is None)
    sizes, factors = _sizes(input, size, scale_factor, recompute)
    if area:
        result: Tensor = adaptive("avg", len(sizes), input, sizes)
        return result
    scales = (*(0.0,) * (3 - len(sizes)), *factors)
    return interpolate_to(input, sizes, mode, bool(align_corners), antialias, *scales)


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: Factors | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under its former name.

    Example:
        >>> import steep
        >>> steep.nn.functional.upsample(steep.tensor([[[1.0, 3.0]]]), 4)
        tensor([[[1., 1., 3., 3.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: Factors | None = None,
) -> Tensor:
    """`interpolate` by the nearest neighbour.

    Example:
        >>> import steep
        >>> steep.nn.functional.upsample_nearest(steep.tensor([[[1.0, 3.0]]]), scale_factor=2)
        tensor([[[1., 1., 3., 3.]]])
    """
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: Factors | None = None,
) -> Tensor:
    """`interpolate` of images by their neighbours, corners aligned.

    Example:
        >>> import steep
        >>> x = steep.tensor([[[[1.0, 3.0]]]])
        >>> steep.nn.functional.upsample_bilinear(x, (1, 3))
        tensor([[[[1., 2., 3.]]]])
    """
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
