"""Losses, where PyTorch code imports them from; `steep.nn.loss` is their home."""

from steep.nn.loss import *
from steep.nn.loss import __all__ as __all__
