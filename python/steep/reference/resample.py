"""Padding and resampling, each axis by itself.

An element of the result is a sum over elements of the axis, each with a weight: one with weight 1
for padding and for the nearest neighbour, two for linear interpolation, four for cubic (Keys, 1981,
"Cubic convolution interpolation for digital image processing"). The gradient goes back to the same
elements by the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steep.reference.registry import Array, register, wide


@dataclass(frozen=True)
class _Table:
    """For each element of a result the elements that it is made of, and their weights."""

    places: Array  # [out, taps]
    weights: Array
    size: int  # of the axis that they are places of

    def of(self, x: Array, dim: int) -> Array:
        total = 0.0
        for places, weights in zip(self.places.T, self.weights.T, strict=True):
            total = total + np.moveaxis(np.moveaxis(x, dim, -1)[..., places] * weights, -1, dim)
        return np.asarray(total)

    def back(self, grad: Array, dim: int) -> Array:
        rows = np.moveaxis(grad, dim, -1)
        out = np.zeros((*rows.shape[:-1], self.size))
        for places, weights in zip(self.places.T, self.weights.T, strict=True):
            spots: tuple[Any, ...] = (..., places)
            np.add.at(out, spots, rows * weights)
        return np.moveaxis(out, -1, dim)


def _apply(x: Array, tables: Sequence[_Table]) -> Array:
    """The last axes, each by its table."""
    for dim, table in zip(range(-len(tables), 0), tables, strict=True):
        x = table.of(x, dim)
    return x


def _back(grad: Array, tables: Sequence[_Table]) -> Array:
    for dim, table in zip(range(-len(tables), 0), tables, strict=True):
        grad = table.back(grad, dim)
    return grad


def _taken(x: Array, sources: Sequence[Array]) -> Array:
    """Each of the last axes picked by places, whatever the dtype."""
    for dim, places in zip(range(-len(sources), 0), sources, strict=True):
        x = np.take(x, places, dim)
    return np.asarray(x)


def _picks(places: Array, size: int) -> _Table:
    """One element for each."""
    return _Table(places[:, None], np.ones((len(places), 1)), size)


# ---- padding ------------------------------------------------------------------------------------


def _source(mode: str, size: int, before: int, after: int) -> Array:
    places = np.arange(-before, size + after)
    if mode == "circular":
        return places % size
    if mode == "replicate":
        return np.clip(places, 0, size - 1)
    turned = np.abs(places)
    return np.where(turned < size, turned, 2 * (size - 1) - turned)


def _sides(pad: Sequence[int]) -> list[tuple[int, int]]:
    """The pairs in the order of the axes."""
    return [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]


def _cropped(x: Array, sides: Sequence[tuple[int, int]]) -> Array:
    """Without what negative padding takes away."""
    cuts: list[Any] = [
        slice(max(-before, 0), size - max(-after, 0))
        for size, (before, after) in zip(x.shape[x.ndim - len(sides) :], sides, strict=True)
    ]
    index = (..., *cuts)
    return np.asarray(x[index])


def _widened(x: Array, sides: Sequence[tuple[int, int]], value: float = 0) -> Array:
    """Zeros, or a number, around what negative padding leaves."""
    lead = [(0, 0)] * (x.ndim - len(sides))
    wider = [*lead, *((max(before, 0), max(after, 0)) for before, after in sides)]
    kept = _cropped(x, sides)
    return np.pad(kept, wider, constant_values=x.dtype.type(value)) if wider else kept.copy()


def _tables(x: Array, sides: Sequence[tuple[int, int]], mode: str) -> list[_Table]:
    found = []
    for size, (before, after) in zip(x.shape[-len(sides) :], sides, strict=True):
        cut = (max(-before, 0), max(-after, 0)) if mode == "circular" else (0, 0)
        rest = size - sum(cut)  # what is cut off does not come round
        found.append(_picks(_source(mode, rest, before + cut[0], after + cut[1]) + cut[0], size))
    return found


def pad(
    input: Array, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Array:
    """PyTorch's list of sides, the last axis first."""
    sides = _sides(pad)
    if mode == "constant":
        return _widened(input, sides, value or 0)
    return _taken(input, [table.places[:, 0] for table in _tables(input, sides, mode)])


def pad_gradient(
    grad: Array,
    input: Array,
    pad: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> tuple[Array]:
    """Of a number that fills nothing comes back; of others, the sum over their copies."""
    sides = _sides(pad)
    if mode == "constant":
        return (_widened(wide(grad), [(-before, -after) for before, after in sides]),)
    return (_back(wide(grad), _tables(input, sides, mode)),)


register("pad", pad, pad_gradient)


# ---- interpolation ------------------------------------------------------------------------------


def _step(size: int, out: int, corners: bool, scale: float) -> float:
    """How far apart elements of the result are."""
    if corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1 / scale if scale else size / out


def _cubic(x: Array, a: float) -> Array:
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _nearest(size: int, out: int, exact: bool, scale: float, dtype: np.dtype[Any]) -> Array:
    """In the arithmetic of the dtype, whose rounding decides between two that are as near."""
    if size == out and not exact:
        return np.arange(size)
    kind = dtype.type if dtype.kind == "f" else np.float32
    step = kind(1 / scale) if scale else kind(size) / kind(out)
    at = (np.arange(out).astype(kind) + kind(0.5 if exact else 0)) * step
    places: Array = np.minimum(np.floor(at.astype(np.float32)).astype(np.int64), size - 1)
    return places


def _weights(size: int, out: int, cubic: bool, corners: bool, scale: float) -> _Table:
    """Linear or cubic interpolation; the edges go on beyond the ends."""
    if size == out and not cubic:
        return _picks(np.arange(size), size)
    step, o = _step(size, out, corners, scale), np.arange(out)
    if size == out and step == 1:
        return _picks(np.arange(size), size)
    at = o * step if corners else (o + 0.5) * step - 0.5
    at = at if cubic else np.maximum(at, 0)
    below = np.minimum(np.floor(at), size - 1)[:, None]
    part = np.clip(at[:, None] - below, 0, 1)
    near = np.arange(-1, 3) if cubic else np.arange(2)
    by = _cubic(part - near, -0.75) if cubic else np.concatenate([1 - part, part], 1)
    return _Table(np.clip(below + near, 0, size - 1).astype(np.int64), by, size)


def _smooth(size: int, out: int, cubic: bool, corners: bool, scale: float) -> _Table:
    """Weights that reach as far as a step, whose sum is 1."""
    if size == out:
        return _picks(np.arange(size), size)
    step = _step(size, out, corners, scale)
    wider = max(step, 1.0)
    centre = (np.arange(out)[:, None] + 0.5) * step
    reach = (2.0 if cubic else 1.0) * wider
    first = np.maximum(np.trunc(centre - reach + 0.5), 0)
    end = np.minimum(np.trunc(centre + reach + 0.5), size)
    places = first + np.arange(size)
    x = (places - centre + 0.5) / wider
    by = np.where(places < end, _cubic(x, -0.5) if cubic else np.maximum(1 - np.abs(x), 0), 0.0)
    chosen = np.where(places < end, places, first).astype(np.int64)
    return _Table(chosen, by / by.sum(axis=1, keepdims=True), size)


def _interpolation(
    x: Array,
    size: Sequence[int],
    mode: str,
    align_corners: bool,
    antialias: bool,
    scales: Sequence[float],
) -> list[_Table]:
    known = zip(x.shape[-len(size) :], size, scales[-len(size) :], strict=True)
    if mode.startswith("nearest"):
        exact = mode == "nearest-exact"
        return [_picks(_nearest(n, out, exact, scale, x.dtype), n) for n, out, scale in known]
    rule = _smooth if antialias else _weights
    return [rule(n, out, mode == "bicubic", align_corners, scale) for n, out, scale in known]


def interpolate_to(
    input: Array,
    size: Sequence[int],
    mode: str,
    align_corners: bool = False,
    antialias: bool = False,
    depth_scale: float = 0.0,
    height_scale: float = 0.0,
    width_scale: float = 0.0,
) -> Array:
    """Each axis brought to its size."""
    scales = (depth_scale, height_scale, width_scale)
    tables = _interpolation(input, size, mode, align_corners, antialias, scales)
    if mode.startswith("nearest"):
        return _taken(input, [table.places[:, 0] for table in tables])
    return _apply(wide(input), tables).astype(input.dtype)


def interpolate_to_gradient(
    grad: Array,
    input: Array,
    size: Sequence[int],
    mode: str,
    align_corners: bool = False,
    antialias: bool = False,
    depth_scale: float = 0.0,
    height_scale: float = 0.0,
    width_scale: float = 0.0,
) -> tuple[Array]:
    """To the same elements by the same weights."""
    scales = (depth_scale, height_scale, width_scale)
    tables = _interpolation(input, size, mode, align_corners, antialias, scales)
    return (_back(wide(grad), tables),)


register("interpolate_to", interpolate_to, interpolate_to_gradient)
