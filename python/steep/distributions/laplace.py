"""`Laplace`, where PyTorch code imports it from; `steep.distributions` is its home."""

from steep.distributions import Laplace

__all__ = ["Laplace"]
