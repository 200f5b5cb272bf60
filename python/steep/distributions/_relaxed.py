"""What `RelaxedBernoulli` and `RelaxedOneHotCategorical` share: parameters are the base's."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor
from steep.distributions.transformed import TransformedDistribution

__all__ = ["Relaxed"]


class Relaxed(TransformedDistribution):
    """Shares, as a map of draws that have a temperature and `probs` or `logits`."""

    base_dist: Any

    @property
    def temperature(self) -> Any:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        """The probability, or those of the classes."""
        found: Tensor = self.base_dist.probs
        return found

    @property
    def logits(self) -> Tensor:
        """The logarithm of the odds, or those of the probabilities."""
        found: Tensor = self.base_dist.logits
        return found
