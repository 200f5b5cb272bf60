"""`save` and `load`, where PyTorch code imports them from; `steep.serialize` is their home."""

from steep.serialize import load, save

__all__ = ["load", "save"]
