"""Containers, where PyTorch code imports them from; `steep.nn.container` is their home."""

from steep.nn.container import *
from steep.nn.container import __all__ as __all__
