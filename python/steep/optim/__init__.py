"""Optimisers under PyTorch's names; each step is one fused call of the core per parameter group."""

from steep.optim.adam import Adam
from steep.optim.adamw import AdamW
from steep.optim.optimizer import Optimizer
from steep.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
