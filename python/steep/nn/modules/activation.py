"""Activations, where PyTorch code imports them from; `steep.nn.activation` is their home."""

from steep.nn.activation import *
from steep.nn.activation import __all__ as __all__
