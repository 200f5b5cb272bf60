"""Convolutions, where PyTorch code imports them from; `steep.nn.conv` is their home."""

from steep.nn import conv, lazy_conv
from steep.nn._conv import ConvNd as _ConvNd  # noqa: F401
from steep.nn.conv import *
from steep.nn.conv import _ConvTranspose as _ConvTransposeNd  # noqa: F401
from steep.nn.lazy_conv import *

__all__ = [*conv.__all__, *lazy_conv.__all__]
