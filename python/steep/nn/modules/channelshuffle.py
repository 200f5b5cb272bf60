"""The same, where PyTorch code imports it from; `steep.nn.channelshuffle` is its home."""

from steep.nn.channelshuffle import *
from steep.nn.channelshuffle import __all__ as __all__
