"""Home of `steep.utils.data`, `checkpoint` and `dlpack`, where PyTorch code looks for them."""

from steep._lazy import importing
from steep.utils import data

__all__ = ["checkpoint", "data", "dlpack"]

__getattr__ = importing(__name__, "checkpoint", "dlpack")
