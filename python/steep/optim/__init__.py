"""Optimisers under PyTorch's names; each step is one fused call of the core per parameter group."""

from steep.optim.adam import Adam, AdamW
from steep.optim.optimizer import Optimizer
from steep.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
