"""Containers, where PyTorch code imports them from; `steep.nn.container` is the modules' home."""

from steep.nn import container, parameter_containers
from steep.nn.container import *
from steep.nn.parameter_containers import *

__all__ = [*container.__all__, *parameter_containers.__all__]
