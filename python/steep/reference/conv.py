"""Convolutions (Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning").

``out[n, o, i] = bias[o] + sum over c, k of weight[o, c, k] x[n, c, i stride + k dilation -
padding]``, cross-correlation as in PyTorch. It is linear in x and in the weights: each gradient is
the same sum over other letters, and a transposed convolution is the gradient by x.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steep.reference.registry import Array, register, wide

Sizes = int | Sequence[int]


def _each(given: Sizes, axes: int) -> tuple[int, ...]:
    sizes = (given,) if isinstance(given, int) else tuple(given)
    return sizes * axes if len(sizes) == 1 else sizes


def _beyond(index: Iterable[Any]) -> tuple[Any, ...]:
    """An index of what follows the first two dimensions."""
    return (slice(None), slice(None), *index)


@dataclass(frozen=True)
class _Walk:
    """Over which elements of a padded image each place of the kernel goes."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    groups: int

    def result(self, sizes: Sequence[int]) -> tuple[int, ...]:
        whole = (s + b + a for s, b, a in zip(sizes, self.before, self.after, strict=True))
        reach = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        return tuple((w - r) // s + 1 for w, r, s in zip(whole, reach, self.stride, strict=True))

    def padding(self) -> list[tuple[int, int]]:
        return [(0, 0), (0, 0), *zip(self.before, self.after, strict=True)]

    def steps(self, out: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
        """Places of the kernel, each with the slices of a padded image that it meets."""
        for place in itertools.product(*map(range, self.kernel)):
            slices = (
                slice(k * d, k * d + s * (o - 1) + 1, s)
                for k, d, s, o in zip(place, self.dilation, self.stride, out, strict=True)
            )
            yield place, _beyond(slices)

    def convolve(self, x: Array, w: Array) -> Array:
        out = self.result(x.shape[2:])
        padded = np.pad(x, self.padding())
        y = np.zeros((x.shape[0], w.shape[0], *out))
        for place, met in self.steps(out):
            y += self._rows(padded[met], w[_beyond(place)])
        return y

    def _rows(self, x: Array, w: Array) -> Array:
        """Each group's rows of weights with its channels."""
        parts = zip(np.split(x, self.groups, 1), np.split(w, self.groups), strict=True)
        return np.concatenate([np.einsum("nc...,oc->no...", *pair) for pair in parts], 1)

    def back(self, y: Array, w: Array, sizes: Sequence[int]) -> Array:
        """The gradient by an image of these sizes, where y is that by the result."""
        whole = (s + b + a for s, b, a in zip(sizes, self.before, self.after, strict=True))
        padded = np.zeros((y.shape[0], w.shape[1] * self.groups, *whole))
        for place, met in self.steps(y.shape[2:]):
            turned = [piece.T for piece in np.split(w[_beyond(place)], self.groups)]
            padded[met] += self._rows(y, np.concatenate(turned))
        inner = (slice(b, b + s) for b, s in zip(self.before, sizes, strict=True))
        part: Array = padded[_beyond(inner)]
        return part

    def by_weight(self, x: Array, y: Array) -> Array:
        padded = np.pad(x, self.padding())
        w = np.zeros((y.shape[1], x.shape[1] // self.groups, *self.kernel))
        over = (0, *range(2, y.ndim))
        for place, met in self.steps(y.shape[2:]):
            pairs = zip(
                np.split(y, self.groups, 1), np.split(padded[met], self.groups, 1), strict=True
            )
            rows = [np.tensordot(a, b, (over, over)) for a, b in pairs]
            w[_beyond(place)] = np.concatenate(rows)
        return w


def _batched(x: Array, axes: int) -> Array:
    return wide(x) if x.ndim == axes + 2 else wide(x)[None]


def _like(y: Array, x: Array, axes: int) -> Array:
    return y if x.ndim == axes + 2 else y[0]


def _biased(y: Array, bias: Array | None, axes: int) -> Array:
    return y if bias is None else y + wide(bias).reshape((-1, *(1,) * axes))


def _sums(grad: Array) -> Any:
    return grad.sum(axis=(0, *range(2, grad.ndim)))


def _walk(
    weight: Array, stride: Sizes, padding: Sizes | str, dilation: Sizes, groups: int
) -> _Walk:
    axes = weight.ndim - 2
    kernel, spaced = weight.shape[2:], _each(dilation, axes)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(spaced, kernel, strict=True)]
        before = tuple(t // 2 for t in total)
        after = tuple(t - b for t, b in zip(total, before, strict=True))
    else:
        before = after = _each(0 if isinstance(padding, str) else padding, axes)
    return _Walk(kernel, _each(stride, axes), spaced, before, after, groups)


def _convolution(axes: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(
        input: Array,
        weight: Array,
        bias: Array | None = None,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> Array:
        walk = _walk(weight, stride, padding, dilation, groups)
        y = walk.convolve(_batched(input, axes), wide(weight))
        return _like(_biased(y, bias, axes), input, axes).astype(input.dtype)

    def gradient(
        grad: Array,
        input: Array,
        weight: Array,
        bias: Array | None = None,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> tuple[Array, Array, Array]:
        walk = _walk(weight, stride, padding, dilation, groups)
        g, x = _batched(grad, axes), _batched(input, axes)
        by_x = walk.back(g, wide(weight), x.shape[2:])
        return _like(by_x, input, axes), walk.by_weight(x, g), _sums(g)

    return forward, gradient


def _transposed(axes: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def sizes(x: Array, walk: _Walk, more: Sizes) -> list[int]:
        found = []
        for i, extra in enumerate(_each(more, axes)):
            reach = walk.dilation[i] * (walk.kernel[i] - 1)
            found.append(
                (x.shape[2 + i] - 1) * walk.stride[i] - 2 * walk.before[i] + reach + extra + 1
            )
        return found

    def forward(
        input: Array,
        weight: Array,
        bias: Array | None = None,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        dilation: Sizes = 1,
    ) -> Array:
        walk, x = _walk(weight, stride, padding, dilation, groups), _batched(input, axes)
        y = walk.back(x, wide(weight), sizes(x, walk, output_padding))
        return _like(_biased(y, bias, axes), input, axes).astype(input.dtype)

    def gradient(
        grad: Array,
        input: Array,
        weight: Array,
        bias: Array | None = None,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        dilation: Sizes = 1,
    ) -> tuple[Array, Array, Array]:
        walk = _walk(weight, stride, padding, dilation, groups)
        g, x = _batched(grad, axes), _batched(input, axes)
        by_x = walk.convolve(g, wide(weight))[_beyond(slice(0, size) for size in x.shape[2:])]
        return _like(by_x, input, axes), walk.by_weight(g, x), _sums(g)

    return forward, gradient


for _axes in (1, 2, 3):
    _given = ("input", "weight", "bias")
    register(f"conv{_axes}d", *_convolution(_axes), arrays=_given)
    register(f"conv_transpose{_axes}d", *_transposed(_axes), arrays=_given)
