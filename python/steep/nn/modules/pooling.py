"""Pooling, where PyTorch code imports it from; `steep.nn.pooling` is its home."""

from steep.nn.pooling import *
from steep.nn.pooling import __all__ as __all__
