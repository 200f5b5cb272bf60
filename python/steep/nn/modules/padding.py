"""Padding, where PyTorch code imports it from; `steep.nn.padding` is its home."""

from steep.nn.padding import *
from steep.nn.padding import __all__ as __all__
