"""Module, where PyTorch code imports them from; `steep.nn.module` is their home."""

from steep.nn.module import *
from steep.nn.module import __all__ as __all__
