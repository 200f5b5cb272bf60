"""Home of `steep.utils.data`, `checkpoint`, `dlpack` and `hooks`, as in PyTorch."""

from steep._lazy import importing
from steep.utils import data

__all__ = ["checkpoint", "data", "dlpack", "hooks"]

__getattr__ = importing(__name__, "checkpoint", "dlpack", "hooks")
