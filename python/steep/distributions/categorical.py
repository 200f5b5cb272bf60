"""`Categorical`, where PyTorch code imports it from; `steep.distributions` is its home."""

from steep.distributions import Categorical

__all__ = ["Categorical"]
