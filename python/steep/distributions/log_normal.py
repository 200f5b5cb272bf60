"""`LogNormal`, where PyTorch code imports it from; `steep.distributions` is its home."""

from steep.distributions import LogNormal

__all__ = ["LogNormal"]
