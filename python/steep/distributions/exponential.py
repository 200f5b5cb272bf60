"""`Exponential`, where PyTorch code imports it from; `steep.distributions` is its home."""

from steep.distributions import Exponential

__all__ = ["Exponential"]
