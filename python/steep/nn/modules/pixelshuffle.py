"""The same, where PyTorch code imports it from; `steep.nn.pixelshuffle` is its home."""

from steep.nn.pixelshuffle import *
from steep.nn.pixelshuffle import __all__ as __all__
