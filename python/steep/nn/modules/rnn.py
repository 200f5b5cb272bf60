"""Recurrent layers, where PyTorch code imports them from; `steep.nn.rnn` is their home."""

from steep.nn.rnn import *
from steep.nn.rnn import __all__ as __all__
