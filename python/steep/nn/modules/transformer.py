"""Transformers, where PyTorch code imports them from; `steep.nn.transformer` is their home."""

from steep.nn import transformer, transformer_layers
from steep.nn.transformer import *
from steep.nn.transformer_layers import *

__all__ = [*transformer.__all__, *transformer_layers.__all__]
