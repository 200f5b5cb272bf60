"""Linear layers, where PyTorch code imports them from; `steep.nn.linear` is their home."""

from steep.nn.linear import *
from steep.nn.linear import __all__ as __all__
