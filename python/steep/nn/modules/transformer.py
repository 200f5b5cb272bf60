"""Transformers, where PyTorch code imports them from; `steep.nn.transformer` is their home."""

from steep.nn.transformer import *
from steep.nn.transformer import __all__ as __all__
