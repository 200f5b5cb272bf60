"""`DataParallel`, where PyTorch code imports it from; `steep.nn.parallel` is its home."""

from steep.nn.parallel import DataParallel

__all__ = ["DataParallel"]
