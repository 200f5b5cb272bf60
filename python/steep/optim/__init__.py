"""Optimisers under PyTorch's names, which replays can take the steps of."""

from typing import TYPE_CHECKING

from steep._lazy import importing

__all__ = ["lr_scheduler", "swa_utils"]

if TYPE_CHECKING:
    from steep.optim import lr_scheduler, swa_utils
else:
    __getattr__ = importing("steep.optim", *__all__)

# Written by tools/make_stubs.py from here on, from the files of this folder.
from steep.optim.adam import Adam
from steep.optim.adamw import AdamW
from steep.optim.optimizer import Optimizer
from steep.optim.sgd import SGD

__all__ += ["SGD", "Adam", "AdamW", "Optimizer"]
