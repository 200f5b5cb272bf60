"""Flatten and Unflatten, where PyTorch code imports them from; `steep.nn.shape` is their home."""

from steep.nn.shape import *
from steep.nn.shape import __all__ as __all__
