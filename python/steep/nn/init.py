"""Initialisation in place, with PyTorch's formulas and in its random stream.

After the same `manual_seed`, weights initialised here equal PyTorch's. All functions return the
tensor they fill, and record no gradient.

Example:
    >>> import steep
    >>> w = steep.empty(3, 5)
    >>> tuple(steep.nn.init.xavier_uniform_(w).shape)
    (3, 5)
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable

from steep._core import Generator, Tensor, empty_like, no_grad, tensor, where
from steep.nn._init_structured import dirac_, eye_, orthogonal_, sparse_

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_LINEAR = ("linear", "sigmoid", *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity's preceding weights should be scaled.

    ``'linear'``, ``'sigmoid'`` and convolutions 1, ``'tanh'`` 5/3, ``'relu'`` sqrt(2),
    ``'leaky_relu'`` sqrt(2 / (1 + slope^2)), ``'selu'`` 3/4. (He et al., ICCV 2015.)

    Args:
        nonlinearity: name of the function.
        param: slope of ``'leaky_relu'``. Default: 0.01.

    Raises:
        ValueError: on an unknown name, or a slope that is no number.

    Example:
        >>> import steep
        >>> steep.nn.init.calculate_gain("leaky_relu", 0.0) == 2 ** 0.5
        True
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {slope} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of shape ``(out, in, *receptive_field)``.

    Layers of others call it by this name, as in PyTorch.
    """
    shape = tuple(tensor.shape)
    if len(shape) < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions; "
            f"got shape {shape}"
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws from the uniform distribution on [a, b).

    Example:
        >>> import steep
        >>> w = steep.nn.init.uniform_(steep.empty(100), 2.0, 3.0)
        >>> bool((w >= 2).all() & (w < 3).all())
        True
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws from the normal distribution of this mean and standard deviation.

    Example:
        >>> import steep
        >>> steep.nn.init.normal_(steep.empty(2), mean=3.0, std=0.0).tolist()
        [3.0, 3.0]
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    Example:
        >>> import steep
        >>> steep.nn.init.constant_(steep.empty(2), 0.5).tolist()
        [0.5, 0.5]
    """
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """U(-a, a) with ``a = gain * sqrt(6 / (fan_in + fan_out))`` (Glorot and Bengio, 2010).

    Raises:
        ValueError: if the tensor has fewer than two dimensions.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """N(0, std^2) with ``std = gain * sqrt(2 / (fan_in + fan_out))`` (Glorot and Bengio, 2010).

    Raises:
        ValueError: if the tensor has fewer than two dimensions.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode.lower() == "fan_in" else fan_out


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tuple(tensor.shape):
        warnings.warn("Initializing zero-element tensors is a no-op", UserWarning, stacklevel=3)
        return True
    return False


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """U(-b, b) with ``b = gain * sqrt(3 / fan)`` (He et al., ICCV 2015).

    Args:
        tensor: weight of shape ``(out, in, ...)``; without elements, a warning and no change.
        a: slope below zero of the ``'leaky_relu'`` that follows.
        mode: ``'fan_in'`` (default) keeps the variance forward, ``'fan_out'`` backward.
        nonlinearity: name for `calculate_gain`.
        generator: source of the draws; the default one if ``None``.

    Raises:
        ValueError: on an unknown mode or nonlinearity, or fewer than two dimensions.
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """N(0, std^2) with ``std = gain / sqrt(fan)``; arguments as in `kaiming_uniform_`."""
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Draws from a normal distribution, each drawn again until it lies in [a, b].

    Where the interval holds little of the distribution, uniform draws are accepted with
    probability ``exp(-(x - mean)^2 / (2 std^2))`` over its peak in the interval instead.

    Args:
        tensor: tensor to fill.
        mean: mean of the distribution before it is cut.
        std: its standard deviation.
        a: least value.
        b: greatest value.
        generator: source of the draws; the default one if ``None``.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            UserWarning,
            stacklevel=2,
        )
    mass = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    with no_grad():
        if mass > 0.3:
            result = _redrawn_normal(tensor, mean, std, a, b, generator)
        else:
            result = _accepted_uniform(tensor, mean, std, a, b, generator)
        return tensor.copy_(result)


def _redrawn_normal(
    like: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> Tensor:
    # The bounds as the dtype holds them, so that a value equal to a rounded bound stays.
    low, high = (tensor(bound, dtype=like.dtype).item() for bound in (a, b))
    result = empty_like(like).normal_(mean, std, generator=generator)
    while True:
        outside = ~((result >= low) & (result <= high))
        if not bool(outside.any().item()):
            return result
        fresh = empty_like(like).normal_(mean, std, generator=generator)
        result = where(outside, fresh, result)


def _accepted_uniform(
    like: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> Tensor:
    mode = max(a, min(mean, b))
    log_peak = -0.5 * ((mode - mean) / std) ** 2
    result = empty_like(like).uniform_(a, b, generator=generator)
    pending: Tensor | None = None
    candidates = result
    while True:
        log_pdf = ((candidates - mean) / std) ** 2 * -0.5 - log_peak
        rejected = empty_like(like).uniform_(generator=generator).log() > log_pdf
        pending = rejected if pending is None else pending & rejected
        if not bool(pending.any().item()):
            return result
        candidates = empty_like(like).uniform_(a, b, generator=generator)
        result = where(pending, candidates, result)


# ---- names of older code ------------------------------------------------------------------------


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function under its name without the underscore, which warns."""
    name = function.__name__

    @functools.wraps(function)
    def warning(*args: object, **kwargs: object) -> Tensor:
        warnings.warn(
            f"`nn.init.{name[:-1]}` is now deprecated in favor of `nn.init.{name}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    warning.__name__ = name[:-1]
    warning.__doc__ = f"Another name of `{name}`, which warns that it is deprecated."
    return warning


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
