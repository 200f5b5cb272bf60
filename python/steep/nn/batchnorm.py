"""Batch normalisation of features, and of channels of signals, images and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

from steep._core import Tensor, batch_norm_counted, dtype
from steep.nn._norm import _NormBase
from steep.nn.functional import batch_norm
from steep.nn.module import Module

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"]


class _BatchNorm(_NormBase):
    """What the three classes share: all but the input's dimensions."""

    _dims: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
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

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel; the shape stays."""
        self._check_input_dim(input)
        mean, var, count = self.running_mean, self.running_var, self.num_batches_tracked
        weight, bias = self.weight, self.bias
        if not self.training and (mean is not None or var is not None):
            return batch_norm(input, mean, var, weight, bias, False, 0.0, self.eps)
        if not self.track_running_stats or not self.training:
            return batch_norm(input, None, None, weight, bias, True, 0.0, self.eps)
        if count is None:
            momentum = 0.0 if self.momentum is None else self.momentum
            return batch_norm(input, mean, var, weight, bias, True, momentum, self.eps)
        return batch_norm_counted(input, mean, var, count, weight, bias, self.momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Normalise each feature over the batch: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    In training, mean and `var`, the biased variance, are those of the batch (over N and L), and the
    buffers follow them: ``running = (1 - momentum) * running + momentum * new``, of the unbiased
    variance; ``num_batches_tracked`` goes up by 1. In evaluation mode mean and variance are the
    running ones, if there are any. (Ioffe and Szegedy, Batch Normalization, 2015.)

    Shapes: input ``(N, C)`` or ``(N, C, L)``, kept; parameters and running statistics ``(C,)``.
    Weight and bias begin as ones and zeros, the running mean and variance as 0 and 1.

    Args:
        num_features: C.
        eps: added to the variance. Default: 1e-5.
        momentum: the part of a new value in the running one; ``None``: one over how many batches
            there were, which makes it their plain average. Default: 0.1.
        affine: whether there are parameters. Default: ``True``.
        track_running_stats: whether there are buffers; without them evaluation uses the batch, too.
            Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of parameters and running statistics; the default dtype if ``None``.
        bias: whether there is a bias among the parameters. Default: ``True``.

    Raises:
        ValueError: when called with an input of other dimensions, or in training with one value per
            channel.
        RuntimeError: when called with another number of channels, or another dtype.

    Example:
        >>> import steep
        >>> layer = steep.nn.BatchNorm1d(2)
        >>> layer(steep.tensor([[1.0, 0.0], [3.0, 400.0]])).detach()
        tensor([[-1.0000, -1.0000],
                [ 1.0000,  1.0000]])
        >>> layer.running_mean
        tensor([ 0.2000, 20.0000])
    """

    _dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalise each channel of images over the batch; see `BatchNorm1d` for formula and buffers.

    Shapes: input ``(N, C, H, W)``, kept; parameters and running statistics ``(C,)``. (Ioffe and
    Szegedy, Batch Normalization, 2015.)

    Args:
        num_features: C.
        eps: added to the variance. Default: 1e-5.
        momentum: the part of a new value in the running one; ``None``: the plain average of all.
            Default: 0.1.
        affine: whether there are parameters. Default: ``True``.
        track_running_stats: whether there are running statistics. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of parameters and running statistics; the default dtype if ``None``.
        bias: whether there is a bias among the parameters. Default: ``True``.

    Raises:
        ValueError: when called with an input of other dimensions, or in training with one value per
            channel.
        RuntimeError: when called with another number of channels, or another dtype.

    Example:
        >>> import steep
        >>> layer = steep.nn.BatchNorm2d(3)
        >>> layer(steep.ones(2, 3, 4, 4)).shape
        steep.Size([2, 3, 4, 4])
        >>> list(layer.state_dict())
        ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
    """

    _dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalise each channel of volumes over the batch; see `BatchNorm1d` for formula and buffers.

    Shapes: input ``(N, C, D, H, W)``, kept; parameters and running statistics ``(C,)``. (Ioffe and
    Szegedy, Batch Normalization, 2015.)

    Args:
        num_features: C.
        eps: added to the variance. Default: 1e-5.
        momentum: the part of a new value in the running one; ``None``: the plain average of all.
            Default: 0.1.
        affine: whether there are parameters. Default: ``True``.
        track_running_stats: whether there are running statistics. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of parameters and running statistics; the default dtype if ``None``.
        bias: whether there is a bias among the parameters. Default: ``True``.

    Raises:
        ValueError: when called with an input of other dimensions, or in training with one value per
            channel.
        RuntimeError: when called with another number of channels, or another dtype.

    Example:
        >>> import steep
        >>> steep.nn.BatchNorm3d(3, momentum=None)
        BatchNorm3d(3, eps=1e-05, momentum=None, affine=True, bias=True, track_running_stats=True)
    """

    _dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """`BatchNorm1d` to `3d` for programs that normalise over several processes; here there is one.

    Its values are those of the other three. (Ioffe and Szegedy, Batch Normalization, 2015.)

    Shapes: input ``(N, C, *)``, kept; parameters and running statistics ``(C,)``.

    Args:
        num_features: C.
        eps: added to the variance. Default: 1e-5.
        momentum: the part of a new value in the running one; ``None``: the plain average of all.
            Default: 0.1.
        affine: whether there are parameters. Default: ``True``.
        track_running_stats: whether there are running statistics. Default: ``True``.
        process_group: PyTorch's argument, without effect.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of parameters and running statistics; the default dtype if ``None``.
        bias: whether there is a bias among the parameters. Default: ``True``.

    Raises:
        ValueError: when called with an input of less than two dimensions, or in training with one
            value per channel.
        RuntimeError: when called with another number of channels, or another dtype.

    Example:
        >>> import steep
        >>> from steep import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        >>> nn.SyncBatchNorm.convert_sync_batchnorm(net)[1]
        SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Put one in the place of each batch normalisation of a model, with its parameters.

        Args:
            module: the model, which is changed, or itself a batch normalisation, which is not.
            process_group: PyTorch's argument, without effect.

        Returns:
            The model; of a batch normalisation the new layer.
        """
        if isinstance(module, _BatchNorm):
            return _synchronised(module, process_group)
        for name, child in list(module.named_children()):
            module.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return module


def _synchronised(layer: _BatchNorm, process_group: Any) -> SyncBatchNorm:
    """A `SyncBatchNorm` with the members of another layer."""
    made = SyncBatchNorm(
        layer.num_features,
        layer.eps,
        layer.momentum,
        layer.affine,
        layer.track_running_stats,
        process_group,
    )
    made.weight, made.bias = layer.weight, layer.bias
    made.running_mean, made.running_var = layer.running_mean, layer.running_var
    made.num_batches_tracked = layer.num_batches_tracked
    return made.train(layer.training)
