"""`Uniform`, where PyTorch code imports it from; `steep.distributions` is its home."""

from steep.distributions import Uniform

__all__ = ["Uniform"]
