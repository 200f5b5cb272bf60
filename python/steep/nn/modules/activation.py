"""Activations, where PyTorch code imports them from; `steep.nn.activation` is their home.

Attention with several heads is among them in PyTorch.
"""

from steep.nn.activation import *
from steep.nn.activation import __all__ as __all__
from steep.nn.multihead import MultiheadAttention as MultiheadAttention
