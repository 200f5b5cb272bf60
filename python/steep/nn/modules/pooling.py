"""Pooling, where PyTorch code imports it from; `steep.nn.pooling` is its home."""

from steep.nn import adaptive_pooling, fractional, pooling, unpooling
from steep.nn.adaptive_pooling import *
from steep.nn.fractional import *
from steep.nn.pooling import *
from steep.nn.unpooling import *

__all__ = [*pooling.__all__, *adaptive_pooling.__all__, *fractional.__all__, *unpooling.__all__]
