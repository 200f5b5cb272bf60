"""Attention with several heads; `steep.nn.multihead` is its home."""

from steep.nn.multihead import *
from steep.nn.multihead import __all__ as __all__
