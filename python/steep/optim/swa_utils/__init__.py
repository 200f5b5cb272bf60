"""Averages of weights over the steps of a training, under PyTorch's names."""

from steep.optim.swa_utils.averaged import *
from steep.optim.swa_utils.averaged import __all__ as __all__
