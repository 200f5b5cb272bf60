"""Home of `steep.utils.data` and `steep.utils.checkpoint`, where PyTorch code looks for them."""

from steep._lazy import importing
from steep.utils import data

__all__ = ["checkpoint", "data"]

__getattr__ = importing(__name__, "checkpoint")
