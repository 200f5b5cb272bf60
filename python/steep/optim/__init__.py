"""Optimisers under PyTorch's names, which replays can take the steps of."""

__all__: list[str] = []

# Written by tools/make_stubs.py from here on, from the files of this folder.
from steep.optim.adam import Adam
from steep.optim.adamw import AdamW
from steep.optim.optimizer import Optimizer
from steep.optim.sgd import SGD

__all__ += ["SGD", "Adam", "AdamW", "Optimizer"]
