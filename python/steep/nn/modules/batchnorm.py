"""Batch normalisation, where PyTorch code imports it from; `steep.nn.batchnorm` is its home."""

from steep.nn._norm import _NormBase as _NormBase
from steep.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm
from steep.nn.batchnorm import _BatchNorm as _BatchNorm
from steep.nn.lazy_norm import LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]
