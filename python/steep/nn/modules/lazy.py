"""Lazy modules' base, where PyTorch code imports it from; `steep.nn.lazy` is its home."""

from steep.nn.lazy import *
from steep.nn.lazy import __all__ as __all__
