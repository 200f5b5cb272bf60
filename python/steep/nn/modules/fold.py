"""The same, where PyTorch code imports it from; `steep.nn.fold` is its home."""

from steep.nn.fold import *
from steep.nn.fold import __all__ as __all__
