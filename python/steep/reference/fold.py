"""Windows laid out as columns and back, channels laid out as places and back.

Each is written as the places that elements come from: an array of indices into the input, with one
more element, 0, for what lies outside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from steep.reference.registry import Array, register, wide

Sizes = int | Sequence[int]


def _two(given: Sizes) -> tuple[int, int]:
    first, *rest = (given, given) if isinstance(given, int) else given
    return first, (rest or [first])[0]


def _spots(
    image: Sequence[int], kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> Array:
    """For each element of the columns of one image the place that it comes from."""
    channels, *sizes = image
    each = [_two(one) for one in (kernel, dilation, padding, stride)]
    along = []
    for size, k, d, p, s in zip(sizes, *each, strict=True):
        count = (size + 2 * p - d * (k - 1) - 1) // s + 1
        along.append(np.arange(k)[:, None] * d + np.arange(count)[None] * s - p)
    rows, columns = along[0][:, None, :, None], along[1][None, :, None, :]
    inside = (rows >= 0) & (rows < sizes[0]) & (columns >= 0) & (columns < sizes[1])
    plane = np.where(inside, rows * sizes[1] + columns, -1)
    area = sizes[0] * sizes[1]
    first = np.arange(channels)[:, None, None, None, None] * area
    whole = np.where(plane < 0, channels * area, first + plane)
    places = channels * plane.shape[0] * plane.shape[1]
    return np.asarray(whole.reshape(places, plane.shape[2] * plane.shape[3]))


def _gather(x: Array, spots: Array) -> Array:
    flat = x.reshape((*x.shape[:-3], math.prod(x.shape[-3:])))
    more = np.concatenate([flat, np.zeros((*flat.shape[:-1], 1), x.dtype)], -1)
    return np.asarray(more[..., spots])


def _add(columns: Array, spots: Array, image: Sequence[int]) -> Array:
    lead, size = columns.shape[:-2], math.prod(image)
    out = np.zeros((math.prod(lead), size + 1))
    for row, values in zip(out, columns.reshape((len(out), *spots.shape)), strict=True):
        np.add.at(row, spots, values)
    return out[:, :size].reshape((*lead, *image))


def unfold(
    input: Array,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Array:
    """The windows of an image, each as a column."""
    return _gather(input, _spots(input.shape[-3:], kernel_size, dilation, padding, stride))


def unfold_gradient(
    grad: Array,
    input: Array,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> tuple[Array]:
    """To where each element came from."""
    image = input.shape[-3:]
    return (_add(wide(grad), _spots(image, kernel_size, dilation, padding, stride), image),)


def _image(columns: Array, output_size: Sizes, kernel_size: Sizes) -> tuple[int, ...]:
    return (columns.shape[-2] // math.prod(_two(kernel_size)), *_two(output_size))


def fold(
    input: Array,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Array:
    """The sum of the windows."""
    image = _image(input, output_size, kernel_size)
    spots = _spots(image, kernel_size, dilation, padding, stride)
    return _add(wide(input), spots, image).astype(input.dtype)


def fold_gradient(
    grad: Array,
    input: Array,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> tuple[Array]:
    """The windows of the gradient."""
    image = _image(input, output_size, kernel_size)
    return (_gather(wide(grad), _spots(image, kernel_size, dilation, padding, stride)),)


register("unfold", unfold, unfold_gradient)
register("fold", fold, fold_gradient)


# ---- channels -----------------------------------------------------------------------------------


def _moved(x: Array, split: Sequence[int], order: Sequence[int], shape: Sequence[int]) -> Array:
    lead = x.ndim - len(shape)
    axes = (*range(lead), *(lead + d for d in order))
    moved = x.reshape((*x.shape[:lead], *split)).transpose(axes)
    return np.asarray(moved.reshape((*x.shape[:lead], *shape)))


def pixel_shuffle(input: Array, upscale_factor: int) -> Array:
    """Channel ``c r^2 + i r + j`` at ``(h r + i, w r + j)`` of channel c."""
    r, (channels, height, width) = upscale_factor, input.shape[-3:]
    shape = (channels // r**2, height * r, width * r)
    return _moved(input, (channels // r**2, r, r, height, width), (0, 3, 1, 4, 2), shape)


def pixel_unshuffle(input: Array, downscale_factor: int) -> Array:
    """The inverse."""
    r, (channels, height, width) = downscale_factor, input.shape[-3:]
    shape = (channels * r**2, height // r, width // r)
    return _moved(input, (channels, height // r, r, width // r, r), (0, 2, 4, 1, 3), shape)


def channel_shuffle(input: Array, groups: int) -> Array:
    """The channels of the groups in turn."""
    batch, channels, *rest = input.shape
    split = input.reshape((batch, groups, channels // groups, *rest))
    return np.asarray(split.swapaxes(1, 2).reshape(input.shape))


register("pixel_shuffle", pixel_shuffle, lambda grad, input, r: (pixel_unshuffle(wide(grad), r),))
register("pixel_unshuffle", pixel_unshuffle, lambda grad, input, r: (pixel_shuffle(wide(grad), r),))
register(
    "channel_shuffle",
    channel_shuffle,
    lambda grad, input, groups: (channel_shuffle(wide(grad), input.shape[1] // groups),),
)
