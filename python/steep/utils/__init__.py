"""Home of `steep.utils.data`, where PyTorch code looks for datasets and loaders."""

from steep.utils import data

__all__ = ["data"]
