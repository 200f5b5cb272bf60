"""Instance normalisation, where PyTorch imports it from; `steep.nn.instancenorm` is its home."""

from steep.nn.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from steep.nn.instancenorm import _InstanceNorm as _InstanceNorm
from steep.nn.lazy_norm import LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]
