"""Distances and angles between vectors as modules."""

from __future__ import annotations

__all__: list[str] = []

# Written by tools/make_stubs.py from here on, from the operations' records.
from steep._core import Tensor, cosine_similarity, pairwise_distance
from steep.nn.module import Module

__all__ += ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """Cosine of the angle between vectors along dim, each divided by its norm or eps.

    See `steep.nn.functional.cosine_similarity`.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-08) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Apply `cosine_similarity` with the arguments it was made with."""
        return cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """p-norm of x1 - x2 + eps along the last dimension.

    See `steep.nn.functional.pairwise_distance`.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False) -> None:
        super().__init__()
        self.p = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Apply `pairwise_distance` with the arguments it was made with."""
        return pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)
