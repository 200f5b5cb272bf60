"""Instance normalisation, where PyTorch imports it from; `steep.nn.instancenorm` is its home."""

from steep.nn.instancenorm import *
from steep.nn.instancenorm import __all__ as __all__
from steep.nn.instancenorm import _InstanceNorm as _InstanceNorm
