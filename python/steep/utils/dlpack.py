"""DLPack's functions, where PyTorch code looks for them."""

from steep._dlpack import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
