"""Convolutions, where PyTorch code imports them from; `steep.nn.conv` is their home."""

from steep.nn.conv import *
from steep.nn.conv import __all__ as __all__
