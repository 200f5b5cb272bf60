"""Pooling: the largest element, the mean or the norm of each window of an image.

Along an axis, window o has the elements ``o stride - padding + k dilation`` for ``k < kernel_size``
that are inside; of adaptive pooling, those from ``floor(o L / n)`` to ``ceil((o + 1) L / n)``. A
window of several axes has every combination of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steep.reference.registry import Array, register, wide

Sizes = int | Sequence[int]


def _each(given: Sizes, axes: int) -> tuple[int, ...]:
    sizes = (given,) if isinstance(given, int) else tuple(given)
    return sizes * axes if len(sizes) == 1 else sizes


@dataclass(frozen=True)
class _Axis:
    """The windows of an axis: the elements of each, and how many places each has."""

    windows: list[list[int]]
    places: list[int]


def _fixed(size: int, kernel: int, stride: int, pad: int, dilation: int, ceil: bool) -> _Axis:
    reach = dilation * (kernel - 1) + 1
    steps = (size + 2 * pad - reach) / stride
    count = (math.ceil(steps) if ceil else math.floor(steps)) + 1
    if ceil and (count - 1) * stride >= size + pad:
        count -= 1
    windows, places = [], []
    for o in range(count):
        spots = [o * stride - pad + k * dilation for k in range(kernel)]
        windows.append([i for i in spots if 0 <= i < size])
        places.append(sum(i < size + pad for i in spots))
    return _Axis(windows, places)


def _adaptive(size: int, count: int) -> _Axis:
    edges = [(o * size // count, -(-(o + 1) * size // count)) for o in range(count)]
    return _Axis([list(range(*edge)) for edge in edges], [b - a for a, b in edges])


def _axes(
    x: Array,
    number: int,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> list[_Axis]:
    given = (kernel_size, kernel_size if stride is None else stride, padding, dilation)
    settings = zip(*(_each(one, number) for one in given), strict=True)
    sizes = x.shape[-number:]
    return [
        _fixed(size, kernel, step, pad, spread, ceil_mode)
        for size, (kernel, step, pad, spread) in zip(sizes, settings, strict=True)
    ]


def _walk(axes: list[_Axis]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...], int]]:
    """The windows in order: index of the result, index of the elements, count of places."""
    for at in itertools.product(*(range(len(axis.windows)) for axis in axes)):
        chosen = [axis.windows[o] for axis, o in zip(axes, at, strict=True)]
        places = math.prod(axis.places[o] for axis, o in zip(axes, at, strict=True))
        yield (..., *at), (..., *np.ix_(*chosen)), places


def _shape(x: Array, axes: list[_Axis]) -> tuple[int, ...]:
    return (*x.shape[: x.ndim - len(axes)], *(len(axis.windows) for axis in axes))


# ---- maxima -------------------------------------------------------------------------------------


def _places(x: Array, axes: list[_Axis]) -> Array:
    """Where each window's largest element is, as numbers within a plane.

    The first of equal ones; NaN is larger than anything, the last of several.
    """
    found = np.zeros(_shape(x, axes), np.int64)
    numbers = np.arange(math.prod(x.shape[-len(axes) :])).reshape(x.shape[-len(axes) :])
    for to, window, _ in _walk(axes):
        patch = x[window]
        flat = patch.reshape((*x.shape[: -len(axes)], math.prod(patch.shape[-len(axes) :])))
        is_nan = np.isnan(flat)
        last = flat.shape[-1] - 1 - np.argmax(is_nan[..., ::-1], axis=-1)
        best = np.where(is_nan.any(-1), last, np.argmax(flat, axis=-1))
        found[to] = numbers[window].reshape(-1)[best]
    return found


def _flat(x: Array, number: int) -> Array:
    lead = x.ndim - number
    return x.reshape((*x.shape[:lead], math.prod(x.shape[lead:])))


def _take(x: Array, places: Array, number: int) -> Array:
    picked = np.take_along_axis(_flat(x, number), _flat(places, number), -1)
    return np.asarray(picked.reshape(places.shape))


def _put(grad: Array, places: Array, shape: tuple[int, ...], number: int) -> Array:
    """Zeros with what is in `grad` added at its places."""
    out = np.zeros((math.prod(shape[: len(shape) - number]), math.prod(shape[-number:])))
    planes = np.arange(len(out))[:, None]
    rows = (len(out), math.prod(grad.shape[len(shape) - number :]))
    np.add.at(out, (planes, places.reshape(rows)), grad.reshape(rows))
    return out.reshape(shape)


def _max_pool(number: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(
        input: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        axes = _axes(input, number, kernel_size, stride, padding, dilation, ceil_mode)
        places = _places(input, axes)
        out = _take(input, places, number)
        return (out, places) if return_indices else out

    def gradient(
        grad: Any,
        input: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> tuple[Array]:
        axes = _axes(input, number, kernel_size, stride, padding, dilation, ceil_mode)
        places = _places(input, axes)
        return (
            _put(wide(grad[0] if isinstance(grad, tuple) else grad), places, input.shape, number),
        )

    return forward, gradient


def _cut(x: Array, output_size: Sizes) -> list[_Axis]:
    counts = _each(output_size, 1)
    sizes = x.shape[-len(counts) :]
    return [_adaptive(size, n) for size, n in zip(sizes, counts, strict=True)]


def adaptive_max(input: Array, output_size: Sequence[int], return_indices: bool = False) -> Any:
    """The largest of each window, and where it is."""
    places = _places(input, _cut(input, output_size))
    out = _take(input, places, len(output_size))
    return (out, places) if return_indices else out


def adaptive_max_gradient(
    grad: Any, input: Array, output_size: Sequence[int], return_indices: bool = False
) -> tuple[Array]:
    """To the place of each."""
    places = _places(input, _cut(input, output_size))
    slope = wide(grad[0] if isinstance(grad, tuple) else grad)
    return (_put(slope, places, input.shape, len(output_size)),)


def _unpooled(
    x: Array,
    number: int,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    output_size: Sequence[int] | None,
) -> tuple[int, ...]:
    steps = kernel_size if stride is None else stride
    each = zip(*(_each(one, number) for one in (kernel_size, steps, padding)), strict=True)
    sizes = x.shape[-number:]
    found = [(n - 1) * s - 2 * p + k for n, (k, s, p) in zip(sizes, each, strict=True)]
    given = found if output_size is None else output_size[-number:]
    return (*x.shape[: x.ndim - number], *given)


def _max_unpool(number: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(
        input: Array,
        indices: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        output_size: Sequence[int] | None = None,
    ) -> Array:
        shape = _unpooled(input, number, kernel_size, stride, padding, output_size)
        out = np.zeros((math.prod(shape[:-number]), math.prod(shape[-number:])), input.dtype)
        rows = (len(out), math.prod(input.shape[len(shape) - number :]))
        for plane, places, values in zip(
            out, indices.reshape(rows), input.reshape(rows), strict=True
        ):
            for place, value in zip(places, values, strict=True):
                plane[place] = value  # the last one of those that are equal
        return out.reshape(shape)

    def gradient(grad: Array, input: Array, indices: Array, *_: Any, **__: Any) -> tuple[Array]:
        return (_take(wide(grad), indices, number),)

    return forward, gradient


# ---- means --------------------------------------------------------------------------------------


def _means(x: Array, axes: list[_Axis], padded: bool, divisor: int | None) -> Array:
    out = np.zeros(_shape(x, axes), x.dtype)
    over = tuple(range(-len(axes), 0))
    for to, window, places in _walk(axes):
        patch = x[window]
        elements = math.prod(patch.shape[-len(axes) :])
        by = divisor or (places if padded else elements)
        total = patch.sum(axis=over)
        out[to] = np.trunc(total / by) if x.dtype.kind == "i" else total / by
    return out


def _spread(
    grad: Array, shape: tuple[int, ...], axes: list[_Axis], padded: bool, divisor: int | None
) -> Array:
    out = np.zeros(shape)
    for to, window, places in _walk(axes):
        elements = math.prod(out[window].shape[-len(axes) :])
        by = divisor or (places if padded else elements)
        share = grad[to] / by
        out[window] += share.reshape(share.shape + (1,) * len(axes))
    return out


def _avg_pool(number: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(
        input: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Array:
        axes = _axes(input, number, kernel_size, stride, padding, 1, ceil_mode)
        return _means(wide(input), axes, count_include_pad, divisor_override).astype(input.dtype)

    def gradient(
        grad: Array,
        input: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> tuple[Array]:
        axes = _axes(input, number, kernel_size, stride, padding, 1, ceil_mode)
        return (_spread(wide(grad), input.shape, axes, count_include_pad, divisor_override),)

    return forward, gradient


def adaptive_average(input: Array, output_size: Sequence[int]) -> Array:
    """The mean of each window."""
    return _means(wide(input), _cut(input, output_size), True, None).astype(input.dtype)


def adaptive_average_gradient(
    grad: Array, input: Array, output_size: Sequence[int]
) -> tuple[Array]:
    """Its share to each element."""
    return (_spread(wide(grad), input.shape, _cut(input, output_size), True, None),)


# ---- norms --------------------------------------------------------------------------------------


def _lp_pool(number: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``(k mean(x^p))^(1/p)``, where a window has k places."""

    def totals(x: Array, p: float, axes: list[_Axis], kernel_size: Sizes) -> Array:
        count = math.prod(_each(kernel_size, number))
        return _means(x**p, axes, True, None) * count

    def forward(
        input: Array,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> Array:
        axes = _axes(input, number, kernel_size, stride, ceil_mode=ceil_mode)
        total = totals(wide(input), norm_type, axes, kernel_size)
        return np.asarray(total ** (1 / norm_type)).astype(input.dtype)

    def gradient(
        grad: Array,
        input: Array,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> tuple[Array]:
        x, axes = wide(input), _axes(input, number, kernel_size, stride, ceil_mode=ceil_mode)
        total = totals(x, norm_type, axes, kernel_size)
        count = math.prod(_each(kernel_size, number))
        slope = wide(grad) * total ** (1 / norm_type - 1) / norm_type * count
        return (_spread(slope, x.shape, axes, True, None) * norm_type * x ** (norm_type - 1),)

    return forward, gradient


for _number in (1, 2, 3):
    register(f"max_pool{_number}d", *_max_pool(_number))
    register(f"max_unpool{_number}d", *_max_unpool(_number))
    register(f"avg_pool{_number}d", *_avg_pool(_number))
    register(f"lp_pool{_number}d", *_lp_pool(_number))
register("adaptive_max", adaptive_max, adaptive_max_gradient)
register("adaptive_average", adaptive_average, adaptive_average_gradient)
