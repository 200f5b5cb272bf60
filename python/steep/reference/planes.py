"""Normalisation over sets of planes: batch, group and instance normalisation.

Ioffe and Szegedy 2015; Wu and He 2018; Ulyanov, Vedaldi and Lempitsky 2016.  Each brings the
elements of a set to mean 0 and variance 1, and then scales and shifts by channel.  The input is
seen as ``[N, G, C / G, length]``, and a set is what goes over some of these axes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steep.reference.registry import Array, register, wide

_BATCH = (0, 2, 3)  # all but the channel, where each is a group of its own


def _planes(x: Array, groups: int) -> Array:
    length = int(np.prod(x.shape[2:]))
    return wide(x).reshape(x.shape[0], groups, x.shape[1] // max(groups, 1), length)


def _by_channel(values: Array | None, groups: int, otherwise: float) -> Array:
    """A channel's numbers, to be broadcast over planes."""
    if values is None:
        return np.asarray(otherwise)
    return wide(values).reshape(1, groups, -1, 1)


def _deviations(x: Array, axes: Sequence[int], eps: float) -> tuple[Array, Array]:
    """``(x - mean) / std`` and `std`, over `axes`."""
    if not x.size:
        return x, np.ones_like(x)
    centred = x - x.mean(axis=tuple(axes), keepdims=True)
    std = np.sqrt(np.square(centred).mean(axis=tuple(axes), keepdims=True) + eps)
    return centred / std, std


def _through_deviations(slope: Array, y: Array, std: Array, axes: Sequence[int]) -> Array:
    """Back through ``centred / std`` and ``x - mean(x)``, step by step."""
    over = tuple(axes)
    count = int(np.prod([y.shape[axis] for axis in over]))
    by_std = -(slope * y).sum(axis=over, keepdims=True) / std
    by_centred = slope / std + by_std / std * (y * std) / count
    return np.asarray(by_centred - by_centred.mean(axis=over, keepdims=True))


def _fixed(mean: Array, var: Array, eps: float) -> tuple[Array, Array]:
    return wide(mean).reshape(1, -1, 1, 1), np.sqrt(wide(var).reshape(1, -1, 1, 1) + eps)


def batch_norm(
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel."""
    channels = input.shape[1]
    x = _planes(input, channels)
    if training:
        y, _ = _deviations(x, _BATCH, eps)
    else:
        assert running_mean is not None
        assert running_var is not None
        mean, std = _fixed(running_mean, running_var, eps)
        y = (x - mean) / std
    out = y * _by_channel(weight, channels, 1) + _by_channel(bias, channels, 0)
    return np.asarray(out.reshape(input.shape)).astype(input.dtype)


def running_statistics(
    input: Array, running_mean: Array, running_var: Array, momentum: float
) -> tuple[Array, Array]:
    """What a training step makes of running statistics: the variance is the unbiased one."""
    x = _planes(input, input.shape[1])
    mean, var = x.mean(axis=_BATCH), x.var(axis=_BATCH, ddof=1)
    return (
        (1 - momentum) * wide(running_mean) + momentum * mean,
        (1 - momentum) * wide(running_var) + momentum * var,
    )


def batch_norm_gradient(
    grad: Array,
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array | None, ...]:
    """The chain rule; weight and bias are broadcast over a channel: ``g y`` and ``g``, summed."""
    channels = input.shape[1]
    x, g = _planes(input, channels), _planes(grad, channels)
    slope = g * _by_channel(weight, channels, 1)
    if training:
        y, std = _deviations(x, _BATCH, eps)
        by_x = _through_deviations(slope, y, std, _BATCH) if x.size else slope
    else:
        assert running_mean is not None
        assert running_var is not None
        mean, std = _fixed(running_mean, running_var, eps)
        y, by_x = (x - mean) / std, slope / std
    return (
        by_x.reshape(input.shape),
        None,
        None,
        (g * y).sum(axis=_BATCH),
        g.sum(axis=_BATCH),
    )


register(
    "batch_norm",
    batch_norm,
    batch_norm_gradient,
    arrays=("input", "running_mean", "running_var", "weight", "bias"),
)


_GROUP = (2, 3)


def _grouped(
    input: Array, groups: int, weight: Array | None, bias: Array | None, eps: float
) -> Array:
    y, _ = _deviations(_planes(input, groups), _GROUP, eps)
    out = y * _by_channel(weight, groups, 1) + _by_channel(bias, groups, 0)
    return np.asarray(out.reshape(input.shape)).astype(input.dtype)


def _grouped_gradient(
    grad: Array, input: Array, groups: int, weight: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    x, g = _planes(input, groups), _planes(grad, groups)
    slope = g * _by_channel(weight, groups, 1)
    y, std = _deviations(x, _GROUP, eps)
    by_x = _through_deviations(slope, y, std, _GROUP) if x.size else slope
    by_weight, by_bias = ((v.sum(axis=(0, 3))).reshape(-1) for v in (g * y, g))
    return by_x.reshape(input.shape), by_weight, by_bias


def group_norm(
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each group of channels of a sample."""
    return _grouped(input, num_groups, weight, bias, eps)


def group_norm_gradient(
    grad: Array,
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array | None, ...]:
    """The chain rule, as for batches."""
    return _grouped_gradient(grad, input, num_groups, weight, eps)


def instance_norm(
    input: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """Each channel of each sample is a group; without `use_input_stats` as for batches."""
    if use_input_stats:
        return _grouped(input, input.shape[1], weight, bias, eps)
    return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)


def instance_norm_gradient(
    grad: Array,
    input: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array | None, ...]:
    """The chain rule, as for groups and batches."""
    if use_input_stats:
        by_x, *others = _grouped_gradient(grad, input, input.shape[1], weight, eps)
        return (by_x, None, None, *others)
    given = (running_mean, running_var, weight, bias, False, momentum, eps)
    return batch_norm_gradient(grad, input, *given)


register("group_norm", group_norm, group_norm_gradient, arrays=("input", "weight", "bias"))
register(
    "instance_norm",
    instance_norm,
    instance_norm_gradient,
    arrays=("input", "running_mean", "running_var", "weight", "bias"),
)
