"""AdamW, where PyTorch code imports it from; `steep.optim.adam` is its home."""

from steep.optim.adam import AdamW

__all__ = ["AdamW"]
