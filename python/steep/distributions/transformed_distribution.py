"""`TransformedDistribution`, where PyTorch code imports it from; see `steep.distributions`."""

from steep.distributions import TransformedDistribution

__all__ = ["TransformedDistribution"]
