"""Instance normalisation: each channel of each sample by itself."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from steep._core import Tensor, dtype
from steep.nn._norm import _NormBase
from steep.nn.functional import instance_norm

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _InstanceNorm(_NormBase):
    """What the three classes share: all but the input's dimensions."""

    _dims: ClassVar[tuple[int, int]]  # without a batch, and with one

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._set_up(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in self._dims:
            expected = " or ".join(f"{dims}D" for dims in self._dims)
            raise ValueError(f"expected {expected} input (got {input.dim()}D input)")

    def _check_channels(self, dim: int, channels: int) -> None:
        if channels == self.num_features:
            return
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={dim} to match num_features "
                f"({self.num_features}), but got: {channels}."
            )
        warnings.warn(
            f"input's size at dim={dim} does not match num_features. You can silence this "
            "warning by giving the layer as many features; they are not used because affine=False",
            stacklevel=3,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel of each sample; the shape stays."""
        self._check_input_dim(input)
        alone = input.dim() == self._dims[0]
        self._check_channels(0 if alone else 1, input.shape[0 if alone else 1])
        result = instance_norm(
            input.unsqueeze(0) if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return result.squeeze(0) if alone else result


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each sample: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    Mean and `var`, the biased variance, are those over L, in training as in evaluation, unless
    running statistics are tracked: these follow the mean over the batch, with the unbiased
    variance, and are used in evaluation. (Ulyanov, Vedaldi and Lempitsky, Instance Normalization,
    2016.)

    Shapes: input ``(N, C, L)`` or ``(C, L)``, kept; parameters and running statistics ``(C,)``.

    Args:
        num_features: C.
        eps: added to the variance. Default: 1e-5.
        momentum: the part of a new value in the running one. Default: 0.1.
        affine: whether there are parameters, which begin as ones and zeros. Default: ``False``.
        track_running_stats: whether there are running statistics. Default: ``False``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of parameters and running statistics; the default dtype if ``None``.
        bias: whether there is a bias among the parameters. Default: ``True``.

    Raises:
        ValueError: when called with an input of other dimensions, in training with one element per
            channel, or with another number of channels than there are parameters for.

    Example:
        >>> import steep
        >>> steep.nn.InstanceNorm1d(2)(steep.tensor([[[1.0, 3.0], [0.0, 400.0]]]))
        tensor([[[-1.0000,  1.0000],
                 [-1.0000,  1.0000]]])
    """

    _dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each image; see `InstanceNorm1d` for formula and buffers.

    Shapes: input ``(N, C, H, W)`` or ``(C, H, W)``, kept; parameters and running statistics
    ``(C,)``. (Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016.)

    Args:
        num_features: C.
        eps: added to the variance. Default: 1e-5.
        momentum: the part of a new value in the running one. Default: 0.1.
        affine: whether there are parameters, which begin as ones and zeros. Default: ``False``.
        track_running_stats: whether there are running statistics. Default: ``False``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of parameters and running statistics; the default dtype if ``None``.
        bias: whether there is a bias among the parameters. Default: ``True``.

    Raises:
        ValueError: when called with an input of other dimensions, in training with one element per
            channel, or with another number of channels than there are parameters for.

    Example:
        >>> import steep
        >>> steep.nn.InstanceNorm2d(3)(steep.ones(3, 4, 4)).shape
        steep.Size([3, 4, 4])
    """

    _dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each volume; see `InstanceNorm1d` for formula and buffers.

    Shapes: input ``(N, C, D, H, W)`` or ``(C, D, H, W)``, kept; parameters and running statistics
    ``(C,)``. (Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016.)

    Args:
        num_features: C.
        eps: added to the variance. Default: 1e-5.
        momentum: the part of a new value in the running one. Default: 0.1.
        affine: whether there are parameters, which begin as ones and zeros. Default: ``False``.
        track_running_stats: whether there are running statistics. Default: ``False``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of parameters and running statistics; the default dtype if ``None``.
        bias: whether there is a bias among the parameters. Default: ``True``.

    Raises:
        ValueError: when called with an input of other dimensions, in training with one element per
            channel, or with another number of channels than there are parameters for.

    Example:
        >>> import steep
        >>> steep.nn.InstanceNorm3d(3, affine=True).weight.shape
        steep.Size([3])
    """

    _dims = (4, 5)
