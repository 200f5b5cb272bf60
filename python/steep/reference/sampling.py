"""Places between elements, and windows at drawn places, in plain loops."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["affine_grid", "fractional_max_pool", "grid_sample"]

Array = Any


def affine_grid(theta: Array, size: Sequence[int], align_corners: bool = False) -> Array:
    """Each element's place, centres of elements from -1 to 1, under the map of its image."""
    sizes = list(size[2:])
    axes = len(sizes)
    grid = np.zeros((size[0], *sizes, axes))
    for place in itertools.product(*(range(n) for n in sizes)):
        at = []
        for i, n in zip(reversed(place), reversed(sizes), strict=True):
            if align_corners:
                at.append(-1 + 2 * i / (n - 1) if n > 1 else 0.0)
            else:
                at.append((2 * i + 1) / n - 1)
        written: Any = (slice(None), *place)
        grid[written] = theta @ np.array([*at, 1.0])
    return grid


def _mirrored(x: float, low: float, high: float) -> float:
    """A place folded back between two mirrors."""
    if high == low:
        return 0.0
    period = 2 * (high - low)
    apart = (x - low) % period
    return low + (apart if apart <= high - low else period - apart)


def _brought_in(x: float, n: int, padding_mode: str, align_corners: bool) -> float:
    if padding_mode == "reflection":
        x = _mirrored(x, 0, n - 1) if align_corners else _mirrored(x, -0.5, n - 0.5)
    return x if padding_mode == "zeros" else min(max(x, 0.0), n - 1.0)


def _cubic(t: float) -> float:
    a, t = -0.75, abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def _reads(
    x: float, n: int, mode: str, padding_mode: str, align_corners: bool
) -> list[tuple[int, float]]:
    """The elements that a place along one axis reads, and what each counts."""
    at = (x + 1) / 2 * (n - 1) if align_corners else ((x + 1) * n - 1) / 2
    if mode == "bicubic":
        first = math.floor(at) - 1
        brought = [
            (_brought_in(i, n, padding_mode, align_corners), _cubic(at - i))
            for i in range(first, first + 4)
        ]
        found = [(round(i), weight) for i, weight in brought]
    else:
        at = _brought_in(at, n, padding_mode, align_corners)
        below = math.floor(at)
        found = [(below, below + 1 - at), (below + 1, at - below)]
        if mode == "nearest":
            found = [(round(at), 1.0)]
    return [(i, weight) for i, weight in found if 0 <= i < n]


def grid_sample(
    input: Array,
    grid: Array,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Array:
    """Each place's elements, weighted, axis by axis."""
    sizes = input.shape[2:]
    out = np.zeros((*input.shape[:2], *grid.shape[1:-1]))
    for image, place in itertools.product(
        range(len(grid)), itertools.product(*(range(n) for n in grid.shape[1:-1]))
    ):
        given: Any = (image, *place)
        at = grid[given][::-1]
        written: Any = (image, slice(None), *place)
        settings = (mode, padding_mode, align_corners)
        reads = [_reads(x, n, *settings) for x, n in zip(at, sizes, strict=True)]
        for taps in itertools.product(*reads):
            index, weights = [i for i, _ in taps], [w for _, w in taps]
            read: Any = (image, slice(None), *index)
            part = input[read] * math.prod(weights)
            out[written] += part
    return out


def fractional_max_pool(
    input: Array, kernel_size: Sequence[int], output_size: Sequence[int], samples: Array
) -> Array:
    """The largest of each window; input (N, C, ...), samples (N, C, axes), W first for images."""
    axes = len(kernel_size)
    out = np.zeros((*input.shape[:2], *output_size), input.dtype)
    for n, c in itertools.product(*map(range, input.shape[:2])):
        drawn = samples[n, c] if axes == 3 else samples[n, c][::-1]
        starts = []
        for u, k, count, size in zip(drawn, kernel_size, output_size, input.shape[2:], strict=True):
            step = (size - k) / (count - 1) if count > 1 else 0.0
            starts.append([int((i + u) * step) - int(u * step) for i in range(count - 1)])
            starts[-1].append(size - k)
        for place in itertools.product(*(range(count) for count in output_size)):
            begin = [starts[axis][i] for axis, i in enumerate(place)]
            window = [slice(b, b + k) for b, k in zip(begin, kernel_size, strict=True)]
            taken: Any = (n, c, *window)
            written: Any = (n, c, *place)
            out[written] = input[taken].max()
    return out
