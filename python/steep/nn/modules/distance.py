"""Distances, where PyTorch code imports them from; `steep.nn.distance` is their home."""

from steep.nn.distance import *
from steep.nn.distance import __all__ as __all__
