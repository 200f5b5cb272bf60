"""What normalisations with running statistics share: arguments, parameters, buffers, repr."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from steep._core import Tensor, dtype, empty, int64, ones, zeros
from steep.nn import init
from steep.nn._convert import check_cpu
from steep.nn.module import Module
from steep.nn.parameter import Parameter

__all__ = ["_NormBase"]

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


class _NormBase(Module):
    """A normalisation of channels by the statistics of a batch, or by running ones."""

    _version = 2
    _came_with: ClassVar[Mapping[str, int]] = {"num_batches_tracked": 2}

    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def _set_up(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: dtype | None,
        bias: bool,
    ) -> None:
        check_cpu(type(self).__name__, device)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            value = self._new_parameter(dtype) if wanted else None
            self.register_parameter(name, value)
        made: tuple[Tensor | None, ...] = (None, None, None)
        if track_running_stats:
            made = (
                self._new_statistic(zeros, dtype),
                self._new_statistic(ones, dtype),
                zeros((), dtype=int64),
            )
        for name, buffer in zip(_BUFFERS, made, strict=True):
            self.register_buffer(name, buffer)
        self.reset_parameters()

    def _new_parameter(self, dtype: dtype | None) -> Parameter:
        return Parameter(empty(self.num_features, dtype=dtype))

    def _new_statistic(self, make: Any, dtype: dtype | None) -> Tensor:
        statistic: Tensor = make(self.num_features, dtype=dtype)
        return statistic

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1, and the count of batches to 0."""
        if not self.track_running_stats:
            return
        for name, value in zip(_BUFFERS, (0, 1, 0), strict=True):
            buffer = getattr(self, name)
            if buffer is not None:
                buffer.fill_(value)

    def reset_parameters(self) -> None:
        """Reset the running statistics, and set weight to ones and bias to zeros."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        """Refuse an input of other dimensions than the class is for."""
        raise NotImplementedError(f"{type(self).__name__}: expected a class that checks its input")

    def extra_repr(self) -> str:
        """The number of features, and the settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )
