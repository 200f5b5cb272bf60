"""Pooling, where PyTorch code imports it from; `steep.nn.pooling` is its home."""

from steep.nn import fractional, pooling
from steep.nn.fractional import *
from steep.nn.pooling import *

__all__ = [*pooling.__all__, *fractional.__all__]
