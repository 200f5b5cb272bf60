"""Dropout, where PyTorch code imports them from; `steep.nn.dropout` is their home."""

from steep.nn.dropout import *
from steep.nn.dropout import __all__ as __all__
