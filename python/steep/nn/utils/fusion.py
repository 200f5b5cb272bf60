"""Batch normalisation folded into the layer before it, for inference.

In evaluation a normalisation is ``y * scale + shift`` for each channel, and a convolution or a
linear layer is linear in its weights: the two are one layer with scaled weights and another bias.
"""

from __future__ import annotations

import copy
from typing import TypeVar

from steep._core import Tensor, no_grad, zeros_like
from steep.nn._conv import ConvNd
from steep.nn._norm import _NormBase
from steep.nn.linear import Linear
from steep.nn.parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]

_C = TypeVar("_C", bound=ConvNd)
_L = TypeVar("_L", bound=Linear)


def _check_layers(op: str, layer: ConvNd | Linear, bn: _NormBase) -> tuple[Tensor, Tensor]:
    """The running statistics; refuses layers that train, and weights that are computed."""
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    if "weight" not in layer._parameters:
        raise ValueError(
            f"{op}: expected {layer} to have its weight as a parameter, got one that is computed; "
            "remove its parametrisation or weight_norm first"
        )
    return bn.running_mean, bn.running_var


def _scale(var: Tensor, eps: float, weight: Tensor | None) -> Tensor:
    scale = (var + eps).rsqrt()
    return scale if weight is None else scale * weight


def _shifted(
    bias: Tensor | None, mean: Tensor, scale: Tensor, after: Tensor | None, like: Tensor
) -> Parameter:
    """The bias of both layers, in the dtype that the first one's has."""
    shift = ((zeros_like(mean) if bias is None else bias) - mean) * scale
    if after is not None:
        shift = shift + after
    return Parameter(shift.to(like.dtype), bias is not None and bias.requires_grad)


@no_grad()
def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that does what it and a batch normalisation did.

    Args:
        conv_w: weight of the convolution.
        conv_b: its bias, or ``None``.
        bn_rm: running mean of the normalisation.
        bn_rv: running variance.
        bn_eps: what is added to it.
        bn_w: weight, or ``None``.
        bn_b: bias, or ``None``.
        transpose: whether the convolution is a transposed one. Default: ``False``.

    Example:
        >>> import steep
        >>> ones = steep.ones(1)
        >>> w, b = steep.nn.utils.fuse_conv_bn_weights(
        ...     steep.ones(1, 1, 1), None, ones, 4 * ones, 0.0, None, None)
        >>> w.item(), b.item()
        (0.5, -0.5)
    """
    scale = _scale(bn_rv, bn_eps, bn_w)
    # Of a transposed convolution, each group of input channels has output channels of its own.
    each = conv_w.shape[1 if transpose else 0]
    grouped = (scale.numel() // each, -1, each) if transpose else (1, 1, each)
    behind = conv_w.shape[2 if transpose else 1 :]
    over = (grouped[0], 1, each, *(1 for _ in behind))
    weight = (conv_w.reshape(*grouped, *behind) * scale.reshape(over)).reshape(conv_w.shape)
    like = conv_w if conv_b is None else conv_b
    return (
        Parameter(weight.to(conv_w.dtype), conv_w.requires_grad),
        _shifted(conv_b, bn_rm, scale, bn_b, like),
    )


def fuse_conv_bn_eval(conv: _C, bn: _NormBase, transpose: bool = False) -> _C:
    """A copy of `conv` that does what `conv` and then `bn` did in evaluation.

    Args:
        conv: a convolution in evaluation mode.
        bn: a batch normalisation in evaluation mode, of the convolution's output channels.
        transpose: whether `conv` is a transposed convolution. Default: ``False``.

    Raises:
        AssertionError: in training mode, and without running statistics.
        ValueError: if `transpose` does not say what `conv` is, if the normalisation is of another
            number of channels, and if the weight is computed from other parameters.

    Example:
        >>> import steep
        >>> conv, bn = steep.nn.Conv2d(3, 4, 3).eval(), steep.nn.BatchNorm2d(4).eval()
        >>> steep.nn.utils.fuse_conv_bn_eval(conv, bn)
        Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))
    """
    mean, var = _check_layers("fuse_conv_bn_eval", conv, bn)
    if bn.num_features != conv.out_channels:
        raise ValueError(
            f"fuse_conv_bn_eval: expected a normalisation of the {conv.out_channels} channels that "
            f"{conv} gives, got {bn}"
        )
    if transpose != conv.transposed:
        raise ValueError(
            f"fuse_conv_bn_eval: expected transpose={conv.transposed} for {type(conv).__name__}, "
            f"got transpose={transpose}"
        )
    fused = copy.deepcopy(conv)
    given = (fused.bias, mean, var, bn.eps, bn.weight, bn.bias, transpose)
    fused.weight, fused.bias = fuse_conv_bn_weights(fused.weight, *given)
    return fused


@no_grad()
def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer that does what it and a batch normalisation did.

    Args:
        linear_w: weight of the linear layer.
        linear_b: its bias, or ``None``.
        bn_rm: running mean of the normalisation.
        bn_rv: running variance.
        bn_eps: what is added to it.
        bn_w: weight, or ``None``.
        bn_b: bias, or ``None``.

    Example:
        >>> import steep
        >>> ones = steep.ones(1)
        >>> w, b = steep.nn.utils.fuse_linear_bn_weights(
        ...     steep.ones(1, 1), None, ones, 4 * ones, 0.0, ones, ones)
        >>> w.item(), b.item()
        (0.5, 0.5)
    """
    features = linear_w.shape[0]
    scale = _scale(bn_rv, bn_eps, bn_w).expand(features)
    weight = (linear_w * scale.unsqueeze(-1)).to(linear_w.dtype)
    like = linear_w if linear_b is None else linear_b
    return (
        Parameter(weight, linear_w.requires_grad),
        _shifted(linear_b, bn_rm.expand(features), scale, bn_b, like),
    )


def fuse_linear_bn_eval(linear: _L, bn: _NormBase) -> _L:
    """A copy of `linear` that does what `linear` and then `bn` did in evaluation.

    Args:
        linear: a linear layer in evaluation mode.
        bn: a batch normalisation in evaluation mode, of as many features, or of one.

    Raises:
        AssertionError: in training mode, without running statistics, and for other features.

    Example:
        >>> import steep
        >>> linear, bn = steep.nn.Linear(3, 4).eval(), steep.nn.BatchNorm1d(4).eval()
        >>> steep.nn.utils.fuse_linear_bn_eval(linear, bn)
        Linear(in_features=3, out_features=4, bias=True)
    """
    mean, var = _check_layers("fuse_linear_bn_eval", linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    given = (fused.bias, mean, var, bn.eps, bn.weight, bn.bias)
    fused.weight, fused.bias = fuse_linear_bn_weights(fused.weight, *given)
    return fused
