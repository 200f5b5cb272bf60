"""Embeddings, where PyTorch code imports them from; `steep.nn.sparse` is their home."""

from steep.nn.sparse import *
from steep.nn.sparse import __all__ as __all__
