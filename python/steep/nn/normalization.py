"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

from steep._core import Tensor, dtype, empty, group_norm, layer_norm, rms_norm
from steep.nn import init
from steep.nn._convert import check_cpu
from steep.nn.module import Module
from steep.nn.parameter import Parameter

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm"]


def _sizes(name: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """The sizes that the layer `name` is given, as a tuple."""
    sizes = (
        (int(normalized_shape),)
        if isinstance(normalized_shape, SupportsIndex)
        else tuple(normalized_shape)
    )
    if any(size < 0 for size in sizes):
        raise RuntimeError(f"{name}: expected sizes of at least 0 as normalized_shape, got {sizes}")
    return sizes


class LayerNorm(Module):
    """Normalise over the last dimensions: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    Each sample by itself, in training as in evaluation. `var` is the biased variance. (Ba, Kiros
    and Hinton, Layer Normalization, 2016.)

    Shapes: input ``(*, *normalized_shape)``, kept; weight and bias ``normalized_shape``. They begin
    as ones and zeros.

    Args:
        normalized_shape: the sizes of the dimensions to normalise over; an int is one size.
        eps: added to the variance. Default: 1e-5.
        elementwise_affine: whether there are parameters. Default: ``True``.
        bias: whether there is a bias among them. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        RuntimeError: when called with an input whose last sizes are others.

    Example:
        >>> import steep
        >>> layer = steep.nn.LayerNorm(2)
        >>> layer(steep.tensor([[1.0, 3.0], [0.0, 400.0]])).detach()
        tensor([[-1.0000,  1.0000],
                [-1.0000,  1.0000]])
        >>> layer
        LayerNorm((2,), eps=1e-05, elementwise_affine=True, bias=True)
    """

    normalized_shape: tuple[int, ...]
    eps: float
    elementwise_affine: bool
    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        check_cpu("LayerNorm", device)
        self.normalized_shape = _sizes("LayerNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            value = Parameter(empty(self.normalized_shape, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; the shape stays."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape, eps, and which parameters there are."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Normalise groups of channels: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    Mean and `var`, the biased variance, are those of the ``num_channels / num_groups`` neighbouring
    channels of a group, of each sample by itself, in training as in evaluation. One group is like
    layer normalisation, a group for each channel like instance normalisation. (Wu and He, Group
    Normalization, 2018.)

    Shapes: input ``(N, num_channels, *)``, kept; weight and bias ``(num_channels,)``. They begin as
    ones and zeros.

    Args:
        num_groups: how many groups there are.
        num_channels: how many channels, a multiple of `num_groups`.
        eps: added to the variance. Default: 1e-5.
        affine: whether there are parameters. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.
        bias: whether there is a bias among them. Default: ``True``.

    Raises:
        ValueError: if `num_groups` is below 1 or does not divide `num_channels`.
        RuntimeError: when called with another number of channels.

    Example:
        >>> import steep
        >>> layer = steep.nn.GroupNorm(2, 4)
        >>> layer(steep.tensor([[1.0, 3.0, 0.0, 400.0]])).detach()
        tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
        >>> layer
        GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)
    """

    num_groups: int
    num_channels: int
    eps: float
    affine: bool
    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_cpu("GroupNorm", device)
        if num_groups < 1:
            raise ValueError(f"GroupNorm: expected num_groups of at least 1, got {num_groups}")
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            value = Parameter(empty(num_channels, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; the shape stays."""
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Groups and channels, eps, and which parameters there are."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divide by the root mean square of the last dimensions: ``x / sqrt(mean(x²) + eps) * weight``.

    Each sample by itself, in training as in evaluation. (Zhang and Sennrich, Root Mean Square Layer
    Normalization, 2019.)

    Shapes: input ``(*, *normalized_shape)``, kept; weight ``normalized_shape``. It begins as ones.

    Args:
        normalized_shape: the sizes of the dimensions to normalise over; an int is one size.
        eps: added to the mean square; ``None``, the default: the epsilon of the input's dtype.
        elementwise_affine: whether there is a weight. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the weight; the default dtype if ``None``.

    Raises:
        RuntimeError: when called with an input whose last sizes are others.

    Example:
        >>> import steep
        >>> layer = steep.nn.RMSNorm(2)
        >>> layer(steep.tensor([[1.0, 7.0]])).detach()
        tensor([[0.2000, 1.4000]])
        >>> layer
        RMSNorm((2,), eps=None, elementwise_affine=True)
    """

    normalized_shape: tuple[int, ...]
    eps: float | None
    elementwise_affine: bool
    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        check_cpu("RMSNorm", device)
        self.normalized_shape = _sizes("RMSNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        value = Parameter(empty(self.normalized_shape, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to ones."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; the shape stays."""
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The shape, eps, and whether there is a weight."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


# Written by tools/make_stubs.py from here on, from the operations' records.
from steep._core import local_response_norm

__all__ += ["LocalResponseNorm"]


class LocalResponseNorm(Module):
    """Divide by the squares of neighbouring channels, to a power.

    ``x / (k + alpha * mean(squares of size channels)) ** beta``: of a channel, the ``size // 2``
    before it and the rest behind. (Krizhevsky, Sutskever and Hinton, 2012.)

    Shape: ``(N, C, *)`` with at least 3 dimensions, kept.

    Args:
        size: how many neighbouring channels there are, itself included.
        alpha: factor of the mean of their squares. Default: 1e-4.
        beta: the power. Default: 0.75.
        k: what is added. Default: 1.

    Example:
        >>> import steep
        >>> steep.nn.LocalResponseNorm(2)(steep.zeros(1, 3, 2)).shape
        steep.Size([1, 3, 2])
    """

    def __init__(
        self,
        size: int,
        alpha: float = 0.0001,
        beta: float = 0.75,
        k: float = 1.0,
    ) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Apply `local_response_norm` with the arguments it was made with."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
