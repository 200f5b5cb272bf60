"""`Independent`, where PyTorch code imports it from; `steep.distributions` is its home."""

from steep.distributions import Independent

__all__ = ["Independent"]
