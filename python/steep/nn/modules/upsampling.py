"""Upsampling, where PyTorch code imports it from; `steep.nn.upsampling` is its home."""

from steep.nn.upsampling import *
from steep.nn.upsampling import __all__ as __all__
