"""`Bernoulli`, where PyTorch code imports it from; `steep.distributions` is its home."""

from steep.distributions import Bernoulli

__all__ = ["Bernoulli"]
