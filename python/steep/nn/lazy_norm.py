"""Normalisations that take the number of channels from the first input."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, dtype
from steep.nn._norm import _NormBase
from steep.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from steep.nn.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from steep.nn.lazy import LazyModuleMixin, materialize_all
from steep.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _Lazy(LazyModuleMixin, _NormBase):
    """What is lazy in all of them: parameters, running statistics, the number of channels."""

    _may_be_alone = False  # whether an input may have no batch

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        settings = (eps, momentum, affine, track_running_stats, device, dtype)
        super().__init__(0, *settings, bias=bias)

    def _new_parameter(self, dtype: dtype | None) -> Parameter:
        return UninitializedParameter(dtype=dtype)

    def _new_statistic(self, make: Any, dtype: dtype | None) -> Tensor:
        return UninitializedBuffer(dtype=dtype)

    def reset_parameters(self) -> None:
        """Reset the running statistics and the parameters, if they have a shape yet."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take the channels of the input, and make parameters and running statistics."""
        self._check_input_dim(input)
        lazy = self.has_uninitialized_params()
        held = (self.weight, self.bias, self.running_mean, self.running_var)
        loaded = next((x for x in held if x is not None), None)
        if loaded is not None and not lazy:
            self.num_features = int(loaded.shape[0])
            return
        dims: Any = getattr(self, "_dims", ())
        alone = self._may_be_alone and input.dim() == dims[0]
        self.num_features = count = int(input.shape[0 if alone else 1])
        if lazy:
            names = ("weight", "bias", "running_mean", "running_var")
            materialize_all(self, **dict.fromkeys(names, (count,)))


class _LazyInstance(_Lazy):
    _may_be_alone = True


class LazyBatchNorm1d(_Lazy, BatchNorm1d):
    """A `BatchNorm1d` that takes `num_features` from the first input; see `LazyModuleMixin`.

    The other arguments are those of `BatchNorm1d`, which it becomes.

    Raises:
        ValueError: when called with an input of other dimensions.

    Example:
        >>> import steep
        >>> norm = steep.nn.LazyBatchNorm1d()
        >>> norm.running_mean
        <UninitializedBuffer>
        >>> tuple(norm(steep.rand(4, 3)).shape)
        (4, 3)
        >>> norm.num_features, type(norm).__name__
        (3, 'BatchNorm1d')
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_Lazy, BatchNorm2d):
    """A `BatchNorm2d` that takes `num_features` from the first input; see `LazyBatchNorm1d`.

    Example:
        >>> import steep
        >>> norm = steep.nn.LazyBatchNorm2d()
        >>> tuple(norm(steep.rand(4, 3, 2, 2)).shape), tuple(norm.weight.shape)
        ((4, 3, 2, 2), (3,))
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_Lazy, BatchNorm3d):
    """A `BatchNorm3d` that takes `num_features` from the first input; see `LazyBatchNorm1d`.

    Example:
        >>> import steep
        >>> norm = steep.nn.LazyBatchNorm3d()
        >>> tuple(norm(steep.rand(4, 3, 2, 2, 2)).shape), tuple(norm.weight.shape)
        ((4, 3, 2, 2, 2), (3,))
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyInstance, InstanceNorm1d):
    """An `InstanceNorm1d` that takes `num_features` from the first input; see `LazyModuleMixin`.

    The other arguments are those of `InstanceNorm1d`, which it becomes, but that parameters and
    running statistics are there by default, as in PyTorch.

    Raises:
        ValueError: when called with an input of other dimensions.

    Example:
        >>> import steep
        >>> norm = steep.nn.LazyInstanceNorm1d()
        >>> tuple(norm(steep.rand(4, 3, 5)).shape), tuple(norm.weight.shape)
        ((4, 3, 5), (3,))
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstance, InstanceNorm2d):
    """An `InstanceNorm2d` that takes its channels from the first input; see `LazyInstanceNorm1d`.

    Example:
        >>> import steep
        >>> norm = steep.nn.LazyInstanceNorm2d(affine=False)
        >>> tuple(norm(steep.rand(3, 4, 4)).shape), tuple(norm.running_var.shape)
        ((3, 4, 4), (3,))
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstance, InstanceNorm3d):
    """An `InstanceNorm3d` that takes its channels from the first input; see `LazyInstanceNorm1d`.

    Example:
        >>> import steep
        >>> norm = steep.nn.LazyInstanceNorm3d(track_running_stats=False)
        >>> tuple(norm(steep.rand(2, 3, 4, 4, 4)).shape), tuple(norm.weight.shape)
        ((2, 3, 4, 4, 4), (3,))
    """

    cls_to_become = InstanceNorm3d
