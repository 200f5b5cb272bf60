"""Normalisation, where PyTorch code imports it from; `steep.nn.normalization` is its home."""

from steep.nn.normalization import *
from steep.nn.normalization import __all__ as __all__
