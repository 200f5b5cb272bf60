"""Layer normalisation (Ba, Kiros and Hinton 2016): each sample brought to mean 0, variance 1.

And division by the root mean square, by neighbouring channels, and by a vector's norm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steep.reference.reduce import norm, norm_gradient
from steep.reference.registry import Array, register, wide


def _last(x: Array, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """The dimensions that are normalised over: the last ones, of the sizes `normalized_shape`."""
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not sizes or x.shape[x.ndim - len(sizes) :] != sizes:
        raise RuntimeError(f"layer_norm: expected an input of shape [*, {sizes}], got {x.shape}")
    return tuple(range(-len(sizes), 0))


def _normalized(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    """``(x - mean) / std`` and `std`, the root of the biased variance and `eps`."""
    if not x.size:
        return x, np.ones_like(x)
    centred = x - x.mean(axis=axes, keepdims=True)
    std = np.sqrt(np.square(centred).mean(axis=axes, keepdims=True) + eps)
    return centred / std, std


def layer_norm(
    input: Array,
    normalized_shape: int | Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """``(x - mean(x)) / sqrt(var(x) + eps) * weight + bias`` over the last dimensions."""
    out, _ = _normalized(wide(input), _last(input, normalized_shape), eps)
    if weight is not None:
        out = out * wide(weight)
    if bias is not None:
        out = out + wide(bias)
    return np.asarray(out).astype(input.dtype)


def layer_norm_gradient(
    grad: Array,
    input: Array,
    normalized_shape: int | Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """The chain rule, step by step back through ``centred = x - mean(x)`` and ``centred / std``.

    Weight and bias are broadcast over the samples: their gradients are ``g y`` and ``g``, summed.
    """
    g, x, axes = wide(grad), wide(input), _last(input, normalized_shape)
    y, std = _normalized(x, axes, eps)
    if not x.size:
        return np.zeros_like(x), g * y, g
    n = int(np.prod([x.shape[axis] for axis in axes]))
    slope = g if weight is None else g * wide(weight)
    centred = y * std
    by_std = -(slope * centred).sum(axis=axes, keepdims=True) / std**2
    by_variance = by_std / (2 * std)
    by_centred = slope / std + by_variance * 2 * centred / n
    return by_centred - by_centred.mean(axis=axes, keepdims=True), g * y, g


register("layer_norm", layer_norm, layer_norm_gradient, arrays=("input", "weight", "bias"))


def _root_mean_square(
    input: Array, normalized_shape: int | Sequence[int], eps: float | None
) -> tuple[Array, tuple[int, ...]]:
    x, axes = wide(input), _last(input, normalized_shape)
    if not x.size:
        return np.ones_like(x), axes
    least = float(np.finfo(input.dtype).eps) if eps is None else eps
    return np.sqrt(np.square(x).mean(axis=axes, keepdims=True) + least), axes


def rms_norm(
    input: Array,
    normalized_shape: int | Sequence[int],
    weight: Array | None = None,
    eps: float | None = None,
) -> Array:
    """``x / sqrt(mean(x^2) + eps) * weight`` (Zhang and Sennrich 2019)."""
    root, _ = _root_mean_square(input, normalized_shape, eps)
    out = wide(input) / root * (1 if weight is None else wide(weight))
    return np.asarray(out).astype(input.dtype)


def rms_norm_gradient(
    grad: Array,
    input: Array,
    normalized_shape: int | Sequence[int],
    weight: Array | None = None,
    eps: float | None = None,
) -> tuple[Array, Array]:
    """The quotient rule, and the root's slope by each element: ``x / (n root)``."""
    root, axes = _root_mean_square(input, normalized_shape, eps)
    x, g = wide(input), wide(grad)
    slope = g if weight is None else g * wide(weight)
    if not x.size:
        return slope, g
    n = int(np.prod([x.shape[axis] for axis in axes]))
    by_root = -(slope * x).sum(axis=axes, keepdims=True) / root**2
    return slope / root + by_root * x / (n * root), g * x / root


register("rms_norm", rms_norm, rms_norm_gradient, arrays=("input", "weight"))


def _neighbours(values: Array, size: int, before: int) -> Array:
    """The sum over `size` neighbouring channels, `before` of them in front."""
    channels = values.shape[1]
    out = np.zeros_like(values)
    for c in range(channels):
        first, end = max(0, c - before), min(channels, c - before + size)
        out[:, c] = values[:, first:end].sum(axis=1)
    return out


def local_response_norm(
    input: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """``x / (k + alpha / size * (sum of the squares of neighbouring channels))^beta``."""
    x = wide(input)
    means = _neighbours(x**2, size, size // 2) / size
    whole = input.dtype.kind == "i"  # means of integers are rounded towards 0
    base = k + alpha * (np.trunc(means) if whole else means)
    return np.asarray(x / base**beta).astype("float32" if whole else input.dtype)


def local_response_norm_gradient(
    grad: Array, input: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[Array]:
    """Each square has a part in the channels that it is a neighbour of: the window turned round."""
    x, g = wide(input), wide(grad)
    base = k + alpha / size * _neighbours(x**2, size, size // 2)
    by_base = -beta * g * x / base ** (beta + 1)
    by_square = alpha / size * _neighbours(by_base, size, size - 1 - size // 2)
    return (g / base**beta + by_square * 2 * x,)


register("local_response_norm", local_response_norm, local_response_norm_gradient)


def _length(x: Array, p: float, dim: int | tuple[int, ...], eps: float) -> Array:
    return np.maximum(norm(x, p, dim, True), eps)


def normalize(
    input: Array, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12
) -> Array:
    """``x / max(norm(x), eps)``."""
    x = wide(input)
    return np.asarray(x / _length(x, p, dim, eps)).astype(input.dtype)


def normalize_gradient(
    grad: Array,
    input: Array,
    p: float = 2.0,
    dim: int | tuple[int, ...] = 1,
    eps: float = 1e-12,
) -> tuple[Array]:
    """The quotient rule."""
    x, g = wide(input), wide(grad)
    size = _length(x, p, dim, eps)
    by_size = -np.sum(g * x, axis=dim, keepdims=True) / size**2
    by_norm = np.where(norm(x, p, dim, True) >= eps, by_size, 0.0)
    return (g / size + norm_gradient(by_norm, x, p, dim, True)[0],)


register("normalize", normalize, normalize_gradient)
