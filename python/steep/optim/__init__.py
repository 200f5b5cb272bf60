"""Optimisers under PyTorch's names, which replays can take the steps of."""

from typing import TYPE_CHECKING

from steep._lazy import importing

__all__ = ["lr_scheduler", "swa_utils"]

if TYPE_CHECKING:
    from steep.optim import lr_scheduler, swa_utils
else:
    __getattr__ = importing("steep.optim", *__all__)

# Written by tools/make_stubs.py from here on, from the files of this folder.
from steep.optim.adadelta import Adadelta
from steep.optim.adafactor import Adafactor
from steep.optim.adagrad import Adagrad
from steep.optim.adam import Adam
from steep.optim.adamax import Adamax
from steep.optim.adamw import AdamW
from steep.optim.asgd import ASGD
from steep.optim.lbfgs import LBFGS
from steep.optim.muon import Muon
from steep.optim.nadam import NAdam
from steep.optim.optimizer import Optimizer
from steep.optim.radam import RAdam
from steep.optim.rmsprop import RMSprop
from steep.optim.rprop import Rprop
from steep.optim.sgd import SGD

__all__ += [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "Adamax",
    "AdamW",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
]
