"""Dropout, where PyTorch code imports them from; `steep.nn.dropout` is their home."""

from steep.nn.dropout import *
from steep.nn.dropout import __all__ as __all__
from steep.nn.dropout import _DropoutNd as _DropoutNd
