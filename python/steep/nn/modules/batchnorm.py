"""Batch normalisation, where PyTorch code imports it from; `steep.nn.batchnorm` is its home."""

from steep.nn._norm import _NormBase as _NormBase
from steep.nn.batchnorm import *
from steep.nn.batchnorm import __all__ as __all__
from steep.nn.batchnorm import _BatchNorm as _BatchNorm
