"""`OneHotCategorical`, where PyTorch code imports it from; `steep.distributions` is its home."""

from steep.distributions import OneHotCategorical

__all__ = ["OneHotCategorical"]
